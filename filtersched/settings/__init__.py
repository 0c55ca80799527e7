"""The configuration: options in all their spellings, settings files, command lines, old flag files.

May import: columns, errors. Plug-ins declare their options themselves; here stand those of the pipeline.
"""
