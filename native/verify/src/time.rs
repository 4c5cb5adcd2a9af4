//! Points in time without a clock: seconds since 1970-01-01T00:00:00Z.

/// Seconds since the epoch, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(pub i64);

const DAY_SECONDS: i64 = 86_400;
/// Days before 1970-03-01 of the same count from 0000-03-01.
const EPOCH_DAYS: i64 = 719_468;

/// Days since the epoch of a day in the Gregorian calendar (years 0 to 9999).
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    // Counted from March, a leap day is the last of its year.
    let (year, month) = if month < 3 {
        (year.checked_sub(1)?, month.checked_add(9)?)
    } else {
        (year, month.checked_sub(3)?)
    };
    let leap_days = year
        .div_euclid(4)
        .checked_sub(year.div_euclid(100))?
        .checked_add(year.div_euclid(400))?;
    let month_days = month.checked_mul(153)?.checked_add(2)?.checked_div(5)?;
    year.checked_mul(365)?
        .checked_add(leap_days)?
        .checked_add(month_days)?
        .checked_add(day)?
        .checked_sub(1)?
        .checked_sub(EPOCH_DAYS)
}

const fn month_days(year: i64, month: i64) -> i64 {
    let leap = year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    }
}

/// Decimal digits only, none missing.
fn number(text: &str, range: std::ops::Range<usize>) -> Option<i64> {
    let digits = text.get(range)?;
    if digits.bytes().all(|digit| digit.is_ascii_digit()) {
        digits.parse().ok()
    } else {
        None
    }
}

impl Seconds {
    /// Reads `YYYYMMDDHHMMSSZ`: no fraction, no leap second, a day that exists.
    #[must_use]
    pub fn parse_compact(text: &str) -> Option<Self> {
        if text.len() != 15 || !text.ends_with('Z') {
            return None;
        }
        let (year, month, day) = (
            number(text, 0..4)?,
            number(text, 4..6)?,
            number(text, 6..8)?,
        );
        let (hour, minute) = (number(text, 8..10)?, number(text, 10..12)?);
        let second = number(text, 12..14)?;
        let exists = (1..=month_days(year, month)).contains(&day);
        if !exists || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let of_day = hour.checked_mul(60)?.checked_add(minute)?.checked_mul(60)?;
        days(year, month, day)?
            .checked_mul(DAY_SECONDS)?
            .checked_add(of_day)?
            .checked_add(second)
            .map(Self)
    }

    /// Reads `YYYY-MM-DDTHH:MM:SSZ`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let punctuation = [(4, '-'), (7, '-'), (10, 'T'), (13, ':'), (16, ':')];
        let marked = text
            .char_indices()
            .filter(|one| punctuation.contains(one))
            .count();
        if text.len() != 20 || marked != punctuation.len() {
            return None;
        }
        let compact: String = text
            .char_indices()
            .filter_map(|one| {
                if punctuation.contains(&one) {
                    None
                } else {
                    Some(one.1)
                }
            })
            .collect();
        Self::parse_compact(&compact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59Z", -1),
            ("2000-02-29T12:34:56Z", 951_827_696),
            ("2026-01-01T00:00:00Z", 1_767_225_600),
            ("2045-10-22T17:23:05Z", 2_392_305_785),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
        ] {
            assert_eq!(Seconds::parse(text), Some(Seconds(seconds)), "{text}");
        }
    }

    #[test]
    fn other_forms_and_days_that_do_not_exist_are_refused() {
        for text in [
            "2026-01-01T00:00:00",
            "2026-01-01 00:00:00Z",
            "2026-01-01T00:00:00.0Z",
            "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T23:59:60Z",
            "+026-01-01T00:00:00Z",
            "",
        ] {
            assert_eq!(Seconds::parse(text), None, "{text}");
        }
    }
}
