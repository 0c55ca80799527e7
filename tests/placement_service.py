"""OpenStack's Placement on the loopback interface; runs by a Python that has openstack-placement and waitress.

    python placement_service.py DIRECTORY

The database and the configuration are in the directory. Writes the port when it can be asked.
"""

import os
import sqlite3
import sys

CONFIGURATION = """
[DEFAULT]
use_stderr = false
log_file = {directory}/placement.log
[api]
auth_strategy = noauth2
[placement_database]
connection = sqlite:///{directory}/placement.db
sync_on_startup = true
sqlite_synchronous = false
"""


def main(directory):
    with open(os.path.join(directory, "placement.conf"), "w") as file:
        file.write(CONFIGURATION.format(directory=directory))
    os.environ["OS_PLACEMENT_CONFIG_DIR"] = directory
    with sqlite3.connect(os.path.join(directory, "placement.db")) as database:
        database.execute("PRAGMA journal_mode = WAL")

    # One thread, so one request at a time: SQLite fails where two transactions that have read begin to write.
    import waitress
    from placement.wsgi import init_application

    server = waitress.create_server(init_application(), host="127.0.0.1", port=0, threads=1)
    print(server.effective_port, flush=True)
    server.run()


if __name__ == "__main__":
    main(sys.argv[1])
