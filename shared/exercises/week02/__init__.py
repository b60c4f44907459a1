"""Week 2: optimizers, clipping, a schedule, initialization; comparing optimizers fairly; optimizers of today."""

from shared.exercises.week02 import comparing
from shared.exercises.week02.adam import ADAM, ADAMW
from shared.exercises.week02.initialization import KAIMING_NORMAL, XAVIER_NORMAL
from shared.exercises.week02.modern import LION, NEWTON_SCHULZ, SCHEDULE_FREE_SGD
from shared.exercises.week02.stability import CLIP_GRAD_NORM, COSINE_WITH_WARMUP
from shared.exercises.week02.steps import RMSPROP, SGD

EXERCISES = (
    *(SGD, RMSPROP, ADAM, ADAMW, CLIP_GRAD_NORM, COSINE_WITH_WARMUP, XAVIER_NORMAL, KAIMING_NORMAL),
    *comparing.EXERCISES,
    *(LION, NEWTON_SCHULZ, SCHEDULE_FREE_SGD),
)
