from typing import Literal

UnparsableBehavior = Literal["discard", "error"]

UNPARSABLE_BEHAVIOR_VALUES: set[UnparsableBehavior] = {
    "discard",
    "error",
}


def check_unparsable_behavior(value: str) -> UnparsableBehavior:
    if value in UNPARSABLE_BEHAVIOR_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {UNPARSABLE_BEHAVIOR_VALUES!r}"
    )
