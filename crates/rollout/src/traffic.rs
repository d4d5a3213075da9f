//! How requests are shared between the primary and the canary.

use std::fmt;

/// Shares of the requests in percent; they sum to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    canary: u8,
    /// Whether requests to the primary are copied to the canary, whose answers nobody sees.
    pub mirrored: bool,
}

impl Split {
    /// Everything to the primary.
    pub const PRIMARY: Self = Self { canary: 0, mirrored: false };
    /// Everything to the canary.
    pub const CANARY: Self = Self { canary: 100, mirrored: false };
    /// Everything to the primary, with copies to the canary.
    pub const MIRROR: Self = Self { canary: 0, mirrored: true };

    /// `canary` percent to the canary, at most 100, and the rest to the primary.
    pub fn canary(canary: u8) -> Self {
        Self { canary: canary.min(100), mirrored: false }
    }

    /// The canary's share, 0 to 100.
    pub fn canary_weight(self) -> u8 {
        self.canary
    }

    /// The primary's share, 0 to 100.
    pub fn primary_weight(self) -> u8 {
        100 - self.canary
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.primary_weight(), self.canary)?;
        if self.mirrored { f.write_str(" mirrored") } else { Ok(()) }
    }
}
