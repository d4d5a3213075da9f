//! The shell: watches, schedule, drive loop, performing effects.
