"""What can go wrong with the local processes; each message says what to do."""

from serving.errors import RecserveError


class StackError(RecserveError):
    pass


class PortTaken(StackError):
    pass


class StartFailed(StackError):
    pass
