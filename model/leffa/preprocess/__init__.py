"""Pictures in, maps out: the garment cut out, the agnostic mask, the window on the person."""
