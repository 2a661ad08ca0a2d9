"""Every error that a user can meet, as one small tree.

LookalikeError            the root: its text is one clear line, shown without a traceback
├── UsageError            wrong use or a bad file: exit code 2
│   ├── TaskError         a task file is wrong; the text starts with file:line
│   ├── PluginError       a plugin is missing, broken, or was given wrong arguments
│   ├── AssetError        a file that a task needs cannot be had or is not what it should be
│   │   └── AssetUnavailable   it cannot be had here at all, so a stand-in may take its place
│   ├── VideoError        a video cannot be read
│   └── RecordError       a record or a submission is not what its schema says
└── EpisodeError          something failed while an episode was played: recorded as errored, never as a score
    ├── EnvironmentFailure    the environment crashed, hung or broke its contract
    ├── PlayerFailure         the model behind a player failed
    └── CriticFailure         the model behind a critic failed
"""


class LookalikeError(Exception):
    """The root of all errors whose text is meant for a person."""


class UsageError(LookalikeError):
    """Wrong use or a bad file; the command line exits with 2."""


class TaskError(UsageError):
    """A task file is wrong."""


class PluginError(UsageError):
    """A plugin is missing, broken, or was given wrong arguments."""


class AssetError(UsageError):
    """A file that a task needs cannot be had or is not what it should be."""


class AssetUnavailable(AssetError):
    """The file cannot be had on this machine; a stand-in may take its place."""


class VideoError(UsageError):
    """A video cannot be read."""


class RecordError(UsageError):
    """A record or a submission is not what its schema says."""


class EpisodeError(LookalikeError):
    """Something failed while an episode was played: an error, never a score of 0."""


class EnvironmentFailure(EpisodeError):
    """The environment crashed, hung or broke its contract."""


class PlayerFailure(EpisodeError):
    """The model behind a player failed."""


class CriticFailure(EpisodeError):
    """The model behind a critic failed."""
