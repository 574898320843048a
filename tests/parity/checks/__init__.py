"""One module a kind of fixture: `check(fixture)` yields a Result for everything that the fixture holds."""
