"""Jobs that outlive the process: kept, taken in turn, done, told of, and deleted in time. No HTTP."""
