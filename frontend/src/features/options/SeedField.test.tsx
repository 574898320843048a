import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";
import { SeedField } from "./SeedField";

test("a random seed can be locked, a locked one released", async () => {
  const onChange = vi.fn();
  const { rerender } = render(<SeedField seed={null} onChange={onChange} />);
  await userEvent.click(screen.getByRole("button", { name: "Lock a seed" }));
  expect(onChange).toHaveBeenLastCalledWith(expect.any(Number));
  rerender(<SeedField seed={7} onChange={onChange} />);
  await userEvent.click(screen.getByRole("button", { name: "Random seed each time" }));
  expect(onChange).toHaveBeenLastCalledWith(null);
});

test("a typed seed never exceeds what the service takes", async () => {
  const onChange = vi.fn();
  render(<SeedField seed={null} onChange={onChange} />);
  await userEvent.click(screen.getByLabelText("Seed"));
  await userEvent.paste("99999999999");
  expect(onChange).toHaveBeenLastCalledWith(2 ** 32 - 1);
});
