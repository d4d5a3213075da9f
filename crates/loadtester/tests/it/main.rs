//! The program itself, over HTTP on loopback.

#[cfg(test)]
mod approvals;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod gates;
#[cfg(test)]
mod load;
#[cfg(test)]
mod real;
#[cfg(test)]
mod remotes;
#[cfg(test)]
mod service;
#[cfg(test)]
mod tasks;
#[cfg(test)]
mod tester;
#[cfg(test)]
mod validators;
