"""What the help of the command says."""

from __future__ import annotations

SETTINGS_HELP = """\
Every setting is also a flag, before or after the command, with - or _:
  --config-file FILE             settings, such as nova.conf or an old flag file; may be repeated
  --scheduler-default-filters RamFilter,CoreFilter,DiskFilter
  --ram-weight-multiplier -1.0   prefer less free memory; the CPU and disk weighers still spread
  --ram-allocation-ratio 1.0     no oversubscription of memory
  --connection_type=fake         a generated inventory of 36 hosts
  --host-class my.MetalHost      the class of the hosts in the inventory
  --verbose                      each stage, and why each host was chosen, on stderr
'filtersched config sample' prints every option, 'filtersched plugins NAME' those of a plug-in.
"""

SCHEDULE = """\
Place requests on the hosts of an inventory, and say why.

Requests are placed in order of arrival (arrives_at), and later ones see what earlier ones took.
Instances leave at departs_at, before a request that arrives at the same time. A request is placed
as a whole or not at all. Few requests are shown one by one, many as a summary. Nothing is deployed.
"""
SCHEDULE_EXAMPLES = """\
Examples:
  filtersched schedule --inventory examples/hosts.jsonl --flavor ram=4096,vcpus=2,disk=20 --count 3
  filtersched schedule --inventory hosts.csv --requests requests.jsonl --output placements.jsonl
  filtersched schedule --connection_type=fake --flavor ram=900000 --verbose

Exit status: 0 every request was placed, 1 a request was refused (0 with --allow-partial), 2 an error.
"""
WHY = """\
Show the verdict of every filter on hosts: what the request needs and what each host has. For a host
that passes and is not chosen, also its rank, what each weigher gave it, and how far it is from the
chosen one.
"""
WHY_EXAMPLES = """\
Example:
  filtersched why cmp-az1-01 --inventory examples/hosts.jsonl --flavor ram=65536,vcpus=8
  filtersched why 'cmp-az1-*' 'gpu-*' --inventory examples/hosts.jsonl --flavor ram=65536,vcpus=8
  filtersched why --all --inventory hosts.jsonl --requests requests.jsonl --request 3

Exit status: 0 a host passes the request and every filter, 1 none does, 2 an error.
"""
PLUGINS = """\
List the installed filters, weighers, drivers and shared resources: what each does, and whether the
settings use it. Of those that you name, show where they come from, what they declare to read, and
their options with type, range, default, and value here.
"""
PLUGINS_EXAMPLES = """\
Examples:
  filtersched plugins --enabled --config-file nova.conf
  filtersched plugins RamFilter RAMWeigher
  filtersched plugins --check

Exit status: 0 listed, or nothing wrong; 1 --check found a mistake; 2 the settings cannot be used.
"""
CHECK = """\
Look for settings that are valid but risky: filters that conflict over the same extra specs, a
weigher that outweighs all others, filters that never refuse or never pass, and values that Nova
ignores. With an inventory, also show how much each weigher decides on it.
"""
CHECK_STATUS = """\
Exit status: 0 checked, with or without warnings; 1 there are warnings and --strict was given;
2 the settings or the inventory cannot be used.
"""
COMPLETION = """\
Print the completion script of a shell: sub-commands, their flags, and all settings.
"""
COMPLETION_EXAMPLES = """\
Install it for your user:
  filtersched completion bash > ~/.local/share/bash-completion/completions/filtersched
  filtersched completion zsh > ~/.zfunc/_filtersched     with fpath+=~/.zfunc before compinit in ~/.zshrc
  filtersched completion fish > ~/.config/fish/completions/filtersched.fish
"""
MAN = """\
Print a man page in roff: that of filtersched, or that of filtersched-proxy.
"""
MAN_EXAMPLES = """\
Read it, or install it for your user:
  filtersched man | man -l -
  filtersched man > ~/.local/share/man/man1/filtersched.1
  filtersched man filtersched-proxy > ~/.local/share/man/man8/filtersched-proxy.8
"""
INVENTORY = """\
Read the hosts of a running OpenStack cloud, with their services, aggregates, instances and groups,
and what Placement has of them, and write them as an inventory. The cloud is one that clouds.yaml
names; openstacksdk reads that file as it does for the openstack command. Only reads, never changes.
Needs openstacksdk: pip install 'filtersched[openstack]'
"""
INVENTORY_EXAMPLES = """\
Example:
  filtersched inventory --os-cloud mycloud --output hosts.jsonl
  filtersched why --all --inventory hosts.jsonl --flavor ram=4096,vcpus=2

Exit status: 0 all was read; 1 the inventory was written without parts that the user may not read,
which are named (0 with --allow-partial); 2 an error, and nothing was written.
"""
POOL = """\
Keep a pool of hosts in a database, so that several schedulers place on the same hosts: a file of
SQLite, or a database of PostgreSQL, as a URL names it. What you can do with it:

  init      make an empty pool
  import    add the hosts of an inventory: all of them, or none
  list      list the hosts and what is free on them
  show      the pool in numbers; with names, the instances of these hosts, or these instances
  export    write the hosts with their instances as an inventory
  upgrade   bring the tables of an older release up to date

Give --pool URL in the place of --inventory to schedule, why and check-config.
Needs SQLAlchemy: pip install 'filtersched[shared]', or 'filtersched[postgresql]' for PostgreSQL.
"""
POOL_EXAMPLES = """\
Examples:
  filtersched pool init sqlite:///pool.db
  filtersched pool import sqlite:///pool.db --inventory examples/hosts.jsonl
  filtersched schedule --pool sqlite:///pool.db --flavor ram=4096,vcpus=2,disk=20
  filtersched pool show sqlite:///pool.db 'cmp-az1-*'
  filtersched pool list postgresql+psycopg://scheduler@db.example/pool --sort -free_ram_mb

A password need not stand in the URL: libpq reads PGPASSWORD and ~/.pgpass.
Exit status: 0 done, 2 an error.
"""
FILES = """\
List the files that are installed with the package: sample settings, an example inventory with
requests, a systemd unit, shell completions and man pages. With names, print these files.
"""
FILES_EXAMPLES = """\
Examples:
  filtersched files filtersched.conf.sample > filtersched.conf
  filtersched files --copy .        then: filtersched schedule --inventory examples/hosts.jsonl --flavor ram=4096

Exit status: 0 done, 2 an error.
"""

CONFIG = """\
Print a configuration file with every setting, its default, and what happens at each value. All of
it is commented out: keep the lines that you change.
"""
CONFIG_EXAMPLES = """\
Example:
  filtersched config sample > filtersched.conf      then: filtersched schedule --config-file filtersched.conf ...
"""
HELP = """\
Show the help of a command; 'filtersched help schedule' is 'filtersched schedule --help'.
"""

INPUT_HELP = (
    "JSON Lines, JSON, CSV, Nova's GET /os-hypervisors/detail, or what openstack hypervisor show -f json prints; - is "
    "the standard input"
)
