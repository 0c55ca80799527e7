"""Plug-ins that know the load average which a host announces."""
