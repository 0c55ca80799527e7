"""Why a decision leaves a fast path: signals that end an attempt and start a slower, exact one."""


class UseHandlers(Exception):
    """Only the plain handlers can tell: a plug-in returned, or the pool holds, what the engine does not decide on."""


class NeedAllHosts(Exception):
    """The top of a trimmed ranking is not enough to tell the best host: all hosts are needed."""


class FilteringEnded(Exception):
    """A filter returned None instead of hosts: none is left, and no further filter is called."""
