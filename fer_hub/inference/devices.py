"""Where a network runs: a device by its name, checked before anything is moved to it."""

import torch


def usable_device(device: str | int | torch.device) -> torch.device:
    """The device of that name, if this computer has it.

    Args:
        device: as for `torch.device`: "cpu", "cuda", "cuda:1", "mps", ...

    Raises:
        ValueError: PyTorch knows no such device, or this computer or this build of PyTorch has none.

    Example:
        >>> usable_device("cpu")
        device(type='cpu')
    """
    try:
        found = torch.device(device)
        torch.empty(1, device=found)
    except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
        here = ["cpu", *([torch.accelerator.current_accelerator().type] if torch.accelerator.is_available() else [])]
        reason = str(error).strip().split("\n")[0].rstrip(". ")
        raise ValueError(
            f"device must be one that this computer has ({' or '.join(here)}), got {str(device)!r} ({reason[:120]}); "
            "choose another, or leave it out for the CPU."
        ) from None
    return found
