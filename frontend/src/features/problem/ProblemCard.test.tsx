import { act, render, screen } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { Failure, ownProblem } from "../../api/problems";
import { ProblemCard } from "./ProblemCard";

test("a full line counts down before it may be tried again", () => {
  vi.useFakeTimers();
  render(<ProblemCard failure={new Failure(ownProblem("queue_full"), 2)} onRemedy={() => undefined} />);
  expect(screen.getByRole("button").textContent).toBe("Try again in 2 seconds");
  expect(screen.getByRole<HTMLButtonElement>("button").disabled).toBe(true);
  act(() => void vi.advanceTimersByTime(2000));
  expect(screen.getByRole("button").textContent).toBe("Try again");
  vi.useRealTimers();
});

test("a problem that the page does not know is told in the service's words", () => {
  const problem = { ...ownProblem("brand_new"), title: "Something new", fix: "Do this." };
  render(<ProblemCard failure={new Failure(problem)} onRemedy={() => undefined} />);
  expect(screen.getByRole("heading").textContent).toBe("Something new");
  expect(screen.getByText("Do this.")).toBeTruthy();
});
