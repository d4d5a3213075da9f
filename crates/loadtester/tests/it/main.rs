//! The program itself, over HTTP on loopback.

#[cfg(test)]
mod gates;
#[cfg(test)]
mod load;
#[cfg(test)]
mod remotes;
#[cfg(test)]
mod service;
#[cfg(test)]
mod tasks;
#[cfg(test)]
mod tester;
