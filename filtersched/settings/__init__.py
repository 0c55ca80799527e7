"""The configuration: options in all their spellings, settings files, command lines, old flag files.

May import: columns, errors. A plug-in's own options stand on the plug-in.
"""

from filtersched.settings.command_line import split_args, without_files
from filtersched.settings.conf import (
    SchedulerConf,
    allocation_ratios,
    make_conf,
    option_values,
    read_scheduler_settings,
    register_opts,
    resolve_option,
    resolve_ratio,
)
from filtersched.settings.files import read_settings
from filtersched.settings.options import SchedulerSettings, Spelling, spelled
from filtersched.settings.profile_conf import Profile, ProfileConf
from filtersched.settings.profiles import MAIN_PROFILE, profiles_of

__all__ = [
    "MAIN_PROFILE",
    "Profile",
    "ProfileConf",
    "SchedulerConf",
    "SchedulerSettings",
    "Spelling",
    "allocation_ratios",
    "make_conf",
    "option_values",
    "profiles_of",
    "read_scheduler_settings",
    "read_settings",
    "register_opts",
    "resolve_option",
    "resolve_ratio",
    "spelled",
    "split_args",
    "without_files",
]
