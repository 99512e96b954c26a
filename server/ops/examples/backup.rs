//! Backs up everything in a cluster into a folder, from a program of one's own, and says what came of it.
//!
//! `cargo run -p selvedge-ops --example backup -- http://localhost:8080 http://localhost:50051 /var/backups/weaviate`
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::Duration;

use selvedge_archive::{Repository, RepositoryConfig};
use selvedge_ops::{BackupRequest, Context, DEFAULT_NAME, Operation, Outcome, Places, Request};
use selvedge_weaviate::{ClusterConfig, Credentials};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // For https. It is the program's to choose.
    rustls::crypto::ring::default_provider().install_default().ok();
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [rest_url, grpc_url, folder] = &arguments[..] else {
        return Err("REST URL, gRPC URL, folder".into());
    };
    println!("{}", back_up(rest_url, grpc_url, folder).await?);
    Ok(())
}

pub async fn back_up(rest_url: &str, grpc_url: &str, folder: &str) -> Result<String, Box<dyn Error>> {
    let name = DEFAULT_NAME.to_owned();
    let cluster = ClusterConfig {
        name: name.clone(),
        rest_url: rest_url.to_owned(),
        grpc_url: grpc_url.to_owned(),
        credentials: std::env::var("WEAVIATE_API_KEY").ok().map(|key| Credentials::ApiKey(key.into())),
        ca_file: None,
        headers: Vec::new(),
        retry_budget: Duration::from_secs(60),
    };
    let repository = Repository::create(&RepositoryConfig::new(&name, format!("file://{folder}")))?;
    repository.init().await?;
    let places = Places::new(vec![cluster], vec![repository])?;
    let operation = Operation::Backup(BackupRequest::default());
    let request =
        Request { cluster: name.clone(), repository: name, operation, lock_timeout: Duration::ZERO };
    let context = Context::alone();
    let outcome = selvedge_ops::run(&context, &places, &request).await.map_err(|failure| failure.error)?;
    let objects = context.progress.snapshot().total.objects_done;
    Ok(match outcome {
        Outcome::Complete(_) => format!("{request}: {objects} objects"),
        Outcome::Partial(_, error) => format!("{request}: {objects} objects, but {error}"),
        Outcome::Planned(plan) => format!("{request}: {plan:?}"),
    })
}
