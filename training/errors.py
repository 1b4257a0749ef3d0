"""What can go wrong between prepared data and a bundle.

TrainingError
├── SettingsError    a setting is unknown or out of its range
├── PreparedError    the prepared data is missing, incomplete or of another version
├── ExportError      the exported graph is not what the model says
└── GateRefused      the bundle must not be served
"""


class TrainingError(Exception):
    """The message says what is wrong, and what to do."""


class SettingsError(TrainingError):
    """All wrong settings at once."""


class PreparedError(TrainingError):
    """All problems of the prepared data at once."""


class ExportError(TrainingError):
    """The graph can't be made, or isn't the one that was asked for."""


class GateRefused(TrainingError):
    """The bundle stays where it is; what was served before is served on."""
