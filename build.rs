//! Compiles the .proto files with protox, so that no `protoc` has to be installed.

use std::path::PathBuf;
use std::{env, error::Error, fs};

use prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    // The package root is the workspace root: without these lines any edited file would regenerate.
    println!("cargo::rerun-if-changed=proto");
    println!("cargo::rerun-if-changed=build.rs");

    let out = PathBuf::from(env::var("OUT_DIR")?);
    let server = env::var_os("CARGO_FEATURE_SERVER").is_some();

    let selvedge = protox::compile(
        [
            "selvedge/v1/backup_service.proto",
            "selvedge/v1/collection_service.proto",
            "selvedge/v1/data_format.proto",
            "selvedge/v1/latest_of.proto",
            "selvedge/v1/failure.proto",
            "selvedge/v1/job.proto",
            "selvedge/v1/job_service.proto",
            "selvedge/v1/server_service.proto",
        ],
        ["proto"],
    )?;
    fs::write(out.join("selvedge.bin"), selvedge.encode_to_vec())?;
    tonic_prost_build::configure().build_server(server).compile_fds(selvedge)?;

    if env::var_os("CARGO_FEATURE_WEAVIATE").is_some() {
        let weaviate = protox::compile(["weaviate/v1/weaviate.proto"], ["proto"])?;
        tonic_prost_build::configure().build_server(server).bytes(".").compile_fds(weaviate)?;
    }
    Ok(())
}
