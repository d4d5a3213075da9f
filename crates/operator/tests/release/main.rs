//! Whole releases through the operator, on a paused clock: an API server in process, and a Deployment controller that is
//! played.

#[cfg(test)]
mod clocks;
#[cfg(test)]
mod hand_over;
#[cfg(test)]
mod permissions;
#[cfg(test)]
mod world;
