"""Every figure by its name in the JSON: what it is called, how it is printed, which end is better."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """``form`` is a format string; ``lower`` says that lower is better."""

    title: str
    form: str
    lower: bool = False

    def text(self, value: float | None) -> str:
        """The value as printed; a dash where there is none."""
        return "–" if value is None else self.form.format(value)

    @property
    def full_title(self) -> str:
        """The title, telling where lower is better."""
        return f"{self.title} (lower is better)" if self.lower else self.title


KINDS = {
    "garment_psnr_db": Kind("garment PSNR, dB", "{:.2f}"),
    "garment_ssim": Kind("garment SSIM", "{:.3f}"),
    "mask_psnr_db": Kind("mask PSNR, dB", "{:.2f}"),
    "mask_ssim": Kind("mask SSIM", "{:.3f}"),
    "image_psnr_db": Kind("image PSNR, dB", "{:.2f}"),
    "image_ssim": Kind("image SSIM", "{:.3f}"),
    "garment_iou": Kind("garment IoU", "{:.3f}"),
    "garment_color_error": Kind("garment colour error, 0-255", "{:.1f}", lower=True),
    "flow_error_px": Kind("flow error, pixels", "{:.1f}", lower=True),
    "psnr_db": Kind("PSNR, dB", "{:.2f}"),
    "ssim": Kind("SSIM", "{:.4f}"),
    "lpips_squeeze": Kind("LPIPS, SqueezeNet", "{:.4f}", lower=True),
    "lpips_alex": Kind("LPIPS, AlexNet", "{:.4f}", lower=True),
    "clean_fid": Kind("clean-FID", "{:.3f}", lower=True),
    "clean_kid_x1000": Kind("clean-KID x 1000", "{:.3f}", lower=True),
    "pytorch_fid": Kind("pytorch-FID", "{:.3f}", lower=True),
}
