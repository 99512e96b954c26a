//! The stand-in against the real server: the same calls, and the same answers but for what cannot be the same.

mod calls;
mod grpc;
mod rest;

use selvedge_tests::harness::weaviate::{Flavour, Weaviate, WeaviateOptions};

/// What one of them answered to each call, in a form that can be compared.
type Transcript = Vec<(String, String)>;

async fn transcript(weaviate: &Weaviate) -> anyhow::Result<Transcript> {
    let mut transcript = rest::play(weaviate, calls::SCHEMAS).await?;
    transcript.extend(rest::play(weaviate, calls::TENANTS).await?);
    transcript.extend(rest::play(weaviate, calls::ALIASES).await?);
    transcript.extend(rest::play(weaviate, calls::OBJECTS).await?);
    transcript.extend(rest::play(weaviate, calls::REFERENCES).await?);
    transcript.extend(grpc::play(weaviate).await?);
    Ok(transcript)
}

#[allow(clippy::print_stderr, reason = "a comparison that does not take place should be seen")]
pub async fn with_the_real_server() -> anyhow::Result<()> {
    let real = Weaviate::start(Flavour::Real, WeaviateOptions::default()).await?;
    let stand_in = Weaviate::start(Flavour::StandIn, WeaviateOptions::default()).await?;
    let minor = |version: &str| version.splitn(3, '.').take(2).map(String::from).collect::<Vec<_>>();
    if minor(real.version()) != minor(stand_in.version()) {
        eprintln!("not compared: the real server is {}, the stand-in {}", real.version(), stand_in.version());
        return Ok(());
    }
    let (real, stand_in) = tokio::try_join!(transcript(&real), transcript(&stand_in))?;
    let (real, stand_in) = (neutral(real), neutral(stand_in));
    anyhow::ensure!(real.len() == stand_in.len(), "{} and {} answers", real.len(), stand_in.len());
    let differences: Vec<String> = real
        .iter()
        .zip(&stand_in)
        .filter(|((_, real), (_, stand_in))| real != stand_in)
        .map(|((call, real), (_, stand_in))| difference(call, real, stand_in))
        .collect();
    anyhow::ensure!(
        differences.is_empty(),
        "{} of {} differ\n{}",
        differences.len(),
        real.len(),
        differences.join("\n")
    );
    Ok(())
}

/// Without folders, and without the kind of space that Protobuf's Go library chooses by build.
fn neutral(transcript: Transcript) -> Transcript {
    let answer = |answer: String| answer.split(", path: ").next().unwrap_or_default().replace('\u{a0}', " ");
    transcript.into_iter().map(|(call, text)| (call, answer(text))).collect()
}

/// The call, and both answers from a little before they part.
fn difference(call: &str, real: &str, stand_in: &str) -> String {
    const BEFORE: usize = 120;
    const SHOWN: usize = 400;
    let same = real.chars().zip(stand_in.chars()).take_while(|(a, b)| a == b).count().saturating_sub(BEFORE);
    let part = |text: &str| text.chars().skip(same).take(SHOWN).collect::<String>();
    format!("{}\n  real:     {}\n  stand-in: {}", part_of(call), part(real), part(stand_in))
}

fn part_of(call: &str) -> String {
    call.chars().take(300).collect()
}
