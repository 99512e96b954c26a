//! Phone numbers: the shape of what the server derives, from a handful of calling codes.

use serde_json::{Value, json};

use crate::stand_in::schema::Fields;

/// Country, calling code, prefix of national numbers.
const COUNTRIES: [(&str, &str, &str); 12] = [
    ("DE", "49", "0"),
    ("US", "1", ""),
    ("GB", "44", "0"),
    ("FR", "33", "0"),
    ("NL", "31", "0"),
    ("AT", "43", "0"),
    ("CH", "41", "0"),
    ("ES", "34", ""),
    ("IT", "39", ""),
    ("IN", "91", "0"),
    ("JP", "81", "0"),
    ("BR", "55", "0"),
];
const NO_COUNTRY: &str = "invalid phone number: invalid or missing defaultCountry - this field is optional if the \
    specified number is in the international format, but required if the number is in national format, use ISO 3166-1 \
    alpha-2";

/// Only `input` and `defaultCountry` are read; the rest is derived anew.
pub(super) fn parse(fields: &Fields) -> Result<Value, String> {
    let text = |name: &str| match fields.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(format!("phoneNumber.{name} must be a string")),
    };
    let input = text("input")?.ok_or("phoneNumber is missing required field 'input'")?;
    let country = text("defaultCountry")?.unwrap_or_default().to_ascii_uppercase();
    let digits: String = input.replace("(0)", "").chars().filter(char::is_ascii_digit).collect();
    if digits.len() < 2 {
        return Err("invalid phone number: the phone number supplied is not a number".into());
    }
    let international = input.trim_start().starts_with('+');
    let found = COUNTRIES
        .iter()
        .find(|(name, code, _)| if international { digits.starts_with(code) } else { *name == country })
        .ok_or(NO_COUNTRY)?;
    let (_, code, prefix) = *found;
    let digits = if international { &digits[code.len()..] } else { digits.as_str() };
    let national = digits.trim_start_matches('0');
    let valid = (7..=11).contains(&national.len());
    let shown = spaced(code, national, valid);
    let mut stored = json!({
        "input": input,
        "countryCode": code.parse::<f64>().unwrap_or_default(),
        "national": national.parse::<f64>().unwrap_or_default(),
        "internationalFormatted": format!("+{code} {shown}"),
        "nationalFormatted": format!("{}{shown}", if valid { prefix } else { "" }),
    });
    if !country.is_empty() {
        stored["defaultCountry"] = json!(country);
    }
    if valid {
        stored["valid"] = json!(true);
    }
    Ok(stored)
}

/// German mobile numbers as they should be; others in one piece.
fn spaced(code: &str, national: &str, valid: bool) -> String {
    match national.split_at_checked(3) {
        Some((area, rest)) if valid && code == "49" && area.starts_with('1') => format!("{area} {rest}"),
        _ => national.to_owned(),
    }
}
