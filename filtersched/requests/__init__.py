"""What a caller asks for: RequestSpec with flavor, image and group, and its filter_properties view.

May import: columns, errors.
"""
