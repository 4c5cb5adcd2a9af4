//! How long a busy source is asked again.

use std::thread;
use std::time::{Duration, Instant};

/// Port: whether to ask again, after a pause.
pub trait Wait {
    /// Pauses and says true, or says false at once when the time is up.
    fn again(&mut self) -> bool;
}

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Pauses that double up to half a second, until a time is up.
#[derive(Debug)]
pub struct Patience {
    end: Option<Instant>,
    pause: Duration,
}

impl Patience {
    /// From now on for so long; zero asks once.
    #[must_use]
    pub fn new(time: Duration) -> Self {
        Self {
            end: Instant::now().checked_add(time),
            pause: FIRST_PAUSE,
        }
    }
}

impl Wait for Patience {
    fn again(&mut self) -> bool {
        let left = self.end.map_or(Duration::ZERO, |end| {
            end.saturating_duration_since(Instant::now())
        });
        if left.is_zero() {
            return false;
        }
        thread::sleep(self.pause.min(left));
        self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
        true
    }
}
