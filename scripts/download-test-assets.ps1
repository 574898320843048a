# Fills tests/test-assets with people, garments and files that must be refused. Nothing is downloaded: the
# pictures are this repository's own synthetic ones and one of NASA's (credits: docs/examples/README.md).
# Needs Python with Pillow: py -m pip install pillow
$ErrorActionPreference = "Stop"
$root = Split-Path -Parent $PSScriptRoot
$python = if (Get-Command py -ErrorAction SilentlyContinue) { "py" } else { "python" }
& $python (Join-Path $root "scripts/make_test_assets.py")
if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
Write-Output "tests/test-assets is filled"
