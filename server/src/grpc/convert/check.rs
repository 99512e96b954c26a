use selvedge_ops::{CheckLine, CheckOutcome};
use selvedge_proto::v1;

pub fn checked(lines: Vec<CheckLine>) -> v1::CheckResponse {
    let selvedge_version = env!("CARGO_PKG_VERSION").to_owned();
    v1::CheckResponse { selvedge_version, lines: lines.into_iter().map(line).collect() }
}

fn line(line: CheckLine) -> v1::CheckLine {
    let CheckLine { subject, name, outcome, text, hint } = line;
    let outcome = match outcome {
        CheckOutcome::Ok => v1::CheckOutcome::Ok,
        CheckOutcome::Warn => v1::CheckOutcome::Warn,
        CheckOutcome::Fail => v1::CheckOutcome::Fail,
    };
    v1::CheckLine {
        subject,
        name: name.to_owned(),
        outcome: outcome.into(),
        text,
        hint: hint.unwrap_or_default(),
    }
}
