//! Amounts of money, from the decimal text that shops send to the currency's minor unit.
//!
//! In: `129.00` and `EUR`. Out: 12900.
//! Invariant: no amount is ever a floating-point number.

/// Currencies whose smallest coin is the unit itself (ISO 4217).
const WHOLE: [&str; 17] = [
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND",
    "VUV", "XAF", "XOF", "XPF",
];
/// Currencies with a thousand small coins in a unit.
const THOUSANDTHS: [&str; 7] = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

/// Decimals of a currency.
pub fn decimals(currency: &str) -> usize {
    if WHOLE.contains(&currency) {
        0
    } else if THOUSANDTHS.contains(&currency) {
        3
    } else {
        2
    }
}

/// An amount in minor units; decimals beyond the currency's own are rounded, halves up. None: it is
/// no plain decimal number, negative, or more than fits.
pub fn minor(amount: &str, currency: &str) -> Option<u64> {
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let decimals = decimals(currency);
    let mut minor: u64 = whole.parse().ok()?;
    for i in 0..decimals {
        let digit = fraction.as_bytes().get(i).map_or(0, |b| b - b'0');
        minor = minor.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    let up = fraction
        .as_bytes()
        .get(decimals)
        .is_some_and(|b| *b >= b'5');
    minor
        .checked_add(u64::from(up))
        .filter(|minor| i64::try_from(*minor).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_what_is_no_amount_is_none() {
        for (amount, currency, expected) in [
            ("129.00", "EUR", Some(12_900)),
            ("129", "EUR", Some(12_900)),
            ("0.1", "EUR", Some(10)),
            ("8.20", "EUR", Some(820)),
            // As floating-point numbers these two come out a cent short.
            ("1.005", "EUR", Some(101)),
            ("4503599627370497.15", "EUR", Some(450_359_962_737_049_715)),
            ("9.0909", "EUR", Some(909)),
            ("9.999", "EUR", Some(1_000)),
            ("1500", "JPY", Some(1_500)),
            ("1.234", "KWD", Some(1_234)),
            ("", "EUR", None),
            (".5", "EUR", None),
            ("-1.00", "EUR", None),
            ("1,00", "EUR", None),
            ("1e3", "EUR", None),
            ("1.0.0", "EUR", None),
            ("99999999999999999999", "EUR", None),
            ("184467440737095516.15", "EUR", None),
        ] {
            assert_eq!(minor(amount, currency), expected, "{amount} {currency}");
        }
    }
}
