"""What can go wrong between prepared data and a bundle.

TrainingError
├── SettingsError    a setting is unknown or out of its range
├── Busy             another job works on the state folder
├── PreparedError    the prepared data is missing, incomplete or of another version
├── StoreError       the online store does not hold what was materialised
├── RegistryError    the database of Feast's registry can't be reached, or refuses
├── CheckpointError  a trained model is missing, of another version or of other prepared data
├── ExportError      the exported graph is not what the model says
├── TextsError       a line that says what an item is found by can't be read
├── EncoderError     the text encoder's package, or what is made from it, is missing or broken
├── GateRefused      the bundle must not be served
├── AnswersError     answers for the leaderboard are missing, or can't be judged
├── JudgementsError  the hand-written judgements are not well-formed
├── Absent           an entrant can't take part in a period of the leaderboard
├── LeakFound        prepared features hold what was not known at their cut-off
├── GatewayError     the running gateway can't be asked, or answers with an error
└── ScoreRefused     the answers must not be scored, or scored again
"""


class TrainingError(Exception):
    """The message says what is wrong, and what to do."""


class SettingsError(TrainingError):
    """All wrong settings at once."""


class Busy(TrainingError):
    """The message says who works there, and since when."""


class PreparedError(TrainingError):
    """All problems of the prepared data at once."""


class StoreError(TrainingError):
    """The message names each view with the rows expected and found."""


class RegistryError(TrainingError):
    """The message names the address, which holds no password."""


class CheckpointError(TrainingError):
    """The message names the file."""


class ExportError(TrainingError):
    """The graph can't be made, or isn't the one that was asked for."""


class TextsError(TrainingError):
    """The message names the line."""


class EncoderError(TrainingError):
    """The message names the file."""


class GateRefused(TrainingError):
    """The bundle stays where it is; what was served before is served on."""


class AnswersError(TrainingError):
    """The message names the file and all that is wrong with it."""


class JudgementsError(TrainingError):
    """All problems of the file at once."""


class Absent(TrainingError):
    """The message says what it lacks; the others take part without it."""


class LeakFound(TrainingError):
    """The message names each view and column."""


class GatewayError(TrainingError):
    """The message names the address and, for an answer, its status."""


class ScoreRefused(TrainingError):
    """A figure from these answers would mislead."""
