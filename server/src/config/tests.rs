use clap::CommandFactory;
use clap::builder::Resettable;

use super::*;

fn load_in(environment: &[(&str, &str)], arguments: &[&str]) -> Result<Config> {
    // Without the environment, which is that of whoever runs the tests.
    let command = Flags::command().mut_args(|argument| argument.env(Resettable::Reset));
    let words = [&["selvedge-server"], arguments].concat();
    let sources = Sources::of(command, words.into_iter().map(Into::into).collect());
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::resolve(
        &sources.map_err(|error| Error::invalid("flags", error.to_string()))??,
        &environment.collect::<Vec<_>>(),
    )
}

fn load(arguments: &[&str]) -> Result<Config> {
    load_in(&[(key::VARIABLE, "hunter2")], arguments)
}

fn refused(arguments: &[&str]) -> Error {
    load(arguments).unwrap_err()
}

#[test]
fn it_runs_without_any_flag() {
    let config = load(&[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:50071");
    assert_eq!(config.clusters[0].rest_url, "http://localhost:8080");
    assert_eq!(config.clusters[0].grpc_url, "http://localhost:50051");
    let url = &config.repositories[0].config.url;
    assert!(url.starts_with("file:///") && url.ends_with("/backups"), "{url}");
}

#[test]
fn only_a_place_that_nobody_chose_is_made_a_repository_without_a_word() {
    let make = |arguments: &[&str]| load(arguments).unwrap().repositories[0].make;
    assert_eq!(make(&[]), Make::IfVacant);
    assert_eq!(make(&["--repository", "backups"]), Make::Never);
    assert_eq!(make(&["--repository", "/mnt/nas", "--create-repository"]), Make::Always);
    assert_eq!(
        load(&["init", "--repository", "/mnt/nas"]).unwrap().repositories[0].config.url,
        "file:///mnt/nas"
    );
}

#[test]
fn keys_are_never_shown() {
    let config = load(&[]).unwrap();
    assert!(config.clusters[0].credentials.is_some());
    for text in [config.to_string(), format!("{config:?}")] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert!(config.to_string().contains("api_key = \"(set, not shown)\""));
    let error = refused(&["--weaviate-url", "http://me:hunter2@host:8080"]);
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn listening_for_everybody_has_to_be_asked_for() {
    for address in ["0.0.0.0:50071", "[::]:50071", "192.0.2.1:1"] {
        let error = refused(&["--listen", address]);
        assert!(error.to_string().contains("who may call"), "{error}");
        assert!(load(&["--listen", address, "--allow-insecure"]).is_ok());
    }
    // Nobody listens there.
    assert!(load(&["--listen", "0.0.0.0:50071", "init"]).is_ok());
    assert!(load(&["--listen", "[::1]:50071"]).is_ok());
    assert!(load(&["--listen", "localhost:50071"]).is_ok());
}

#[test]
fn metrics_are_for_this_machine_unless_said_otherwise() {
    assert_eq!(load(&[]).unwrap().metrics_listen, None);
    assert_eq!(load(&["--metrics-listen", ""]).unwrap().metrics_listen, None);
    let here = load(&["--metrics-listen", "127.0.0.1:9464"]).unwrap();
    assert_eq!(here.metrics_listen, "127.0.0.1:9464".parse().ok());
    assert!(here.to_string().contains("metrics_listen = \"127.0.0.1:9464\""));
    let error = refused(&["--metrics-listen", "0.0.0.0:9464"]);
    assert!(error.to_string().contains("--metrics-listen 0.0.0.0:9464 is refused"), "{error}");
    for allowed in ["--allow-insecure", "--allow-insecure-metrics"] {
        assert!(load(&["--metrics-listen", "0.0.0.0:9464", allowed]).is_ok());
    }
    // Which is nothing about calls.
    let error = refused(&["--listen", "0.0.0.0:50071", "--allow-insecure-metrics"]);
    assert!(error.to_string().contains("who may call"), "{error}");
    let file = load_file("metrics_listen = '127.0.0.1:1'", &[], &[]).unwrap();
    assert_eq!(file.metrics_listen, "127.0.0.1:1".parse().ok());
}

#[test]
fn a_bad_value_is_refused_by_its_flag() {
    let cases = [
        ("--listen", "50071"),
        ("--metrics-listen", "9464"),
        ("--weaviate-url", "localhost:8080"),
        ("--weaviate-url", "ftp://localhost"),
        ("--weaviate-grpc-url", "http://localhost:50051/path"),
        ("--weaviate-api-key-file", "/does/not/exist"),
        ("--repository", ""),
        ("--memory-budget", "10kB"),
    ];
    for (flag, value) in cases {
        let error = refused(&[flag, value]);
        assert!(error.to_string().contains(flag), "{error}");
    }
    assert_eq!(refused(&["--weaviate-url", "db:80"]).hint_text(), Some("did you mean http://db:80?"));
}

/// A file, and what becomes of it with these variables and arguments.
fn load_file(text: &str, environment: &[(&str, &str)], arguments: &[&str]) -> Result<Config> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("hunter"), "hunter3\n").unwrap();
    let path = dir.path().join("selvedge.toml");
    std::fs::write(&path, text.replace("DIR", dir.path().to_str().unwrap())).unwrap();
    load_in(environment, &[&["--config", path.to_str().unwrap()], arguments].concat())
}

const TWO: &str = r#"
    max_jobs = 2
    resume_on_start = true
    retry_budget = "1m"
    [clusters.default]
    url = "http://eu:8080"
    api_key_file = "DIR/hunter"
    headers = { X-Secret = "hunter5" }
    [clusters.us]
    url = "https://x1.c0.gcp.weaviate.cloud"
    retry_budget = "30s"
    [clusters.us.oidc]
    client_secret = "hunter4"
    [repositories.default]
    url = "s3://bucket/folder"
    region = "eu-central-1"
    secret_access_key_file = "DIR/hunter"
    exclusive = true
    [repositories.disk]
    url = "/var/lib/selvedge"
    create = true
    [repositories.disk.encryption]
    passphrase_command = ["printf", "hunter%d", "7"]
"#;

#[test]
fn a_file_names_several_of_each() {
    let config = load_file(
        TWO,
        &[("AWS_CONNECT_TIMEOUT", "5s"), ("AWS_ACCESS_KEY_ID", "id"), ("AWS_REGION", "x")],
        &[],
    )
    .unwrap();
    assert_eq!(config.options.max_jobs, 2);
    assert!(config.options.resume_on_start);
    let names: Vec<_> = config.clusters.iter().map(|cluster| cluster.name.as_str()).collect();
    assert_eq!(names, ["default", "us"]);
    assert_eq!(config.clusters[1].grpc_url, "https://grpc-x1.c0.gcp.weaviate.cloud");
    assert_eq!(config.clusters[0].retry_budget, Duration::from_secs(60));
    assert_eq!(config.clusters[1].retry_budget, Duration::from_secs(30));
    let [bucket, disk] = &config.repositories[..] else { panic!("two repositories") };
    assert!(bucket.config.exclusive && bucket.make == Make::Never && disk.make == Make::Always);
    let options: Vec<_> =
        bucket.config.options.iter().map(|option| (option.key.as_str(), option.value.as_str())).collect();
    let expected =
        [("aws_connect_timeout", "5s"), ("region", "eu-central-1"), ("secret_access_key", "hunter3")];
    assert_eq!(options, expected);
}

#[test]
fn what_is_shown_says_where_it_is_from_and_no_secret() {
    let environment = [("AWS_CONNECT_TIMEOUT", "5s"), ("AWS_PROXY_URL", "http://me:hunter6@proxy")];
    let config = load_file(TWO, &environment, &["--max-jobs", "3", "--log", "warn"]).unwrap();
    let shown = config.to_string();
    assert!(!format!("{shown}{config:?}").contains("hunter"), "{shown} {config:?}");
    let line = |start: &str| {
        let line = shown.lines().find(|line| line.starts_with(start));
        line.unwrap_or_else(|| panic!("{start} is not in\n{shown}")).to_owned()
    };
    assert!(line("max_jobs = 3").ends_with("# --max-jobs"));
    assert!(line("resume_on_start = true").ends_with("selvedge.toml"));
    assert!(line("job_history = 1000").ends_with("# default"));
    assert!(line("aws_connect_timeout = \"5s\"").ends_with("# AWS_CONNECT_TIMEOUT"));
    assert!(line("aws_proxy_url = \"(set, not shown)\"").ends_with("# AWS_PROXY_URL"));
    assert!(line("api_key = \"(set, not shown)\"").ends_with("selvedge.toml"));
    // It can be read again.
    let table: toml::Table = shown.parse().unwrap();
    assert!(table["clusters"]["us"]["url"].is_str());
}

#[test]
fn naming_another_place_leaves_out_what_the_file_says_of_it() {
    let config =
        load_file(TWO, &[], &["--weaviate-url", "http://other:81", "--repository", "/tmp/x"]).unwrap();
    let [default, us] = &config.clusters[..] else { panic!("two clusters") };
    assert!(default.rest_url == "http://other:81" && default.credentials.is_none() && us.name == "us");
    assert_eq!(config.repositories[0].config.url, "file:///tmp/x");
    assert!(config.repositories[0].config.options.is_empty());
}

#[test]
fn mistakes_in_a_file_are_told_by_their_place() {
    let cases = [
        ("max_jobs = 0", "max-jobs"),
        ("resume_on_start = 'yes'", "true or false"),
        ("[clusters.eu]", "[clusters.eu] of"),
        ("[clusters.eu]\nurl = 'http://x'\nurll = 'y'", "unknown key: urll"),
        ("[clusters.eu]\nurl = 'x'", "[clusters.eu]"),
        ("[clusters.'a/b']\nurl = 'http://x'", "letters, digits"),
        ("[repositories.a]\nurl = 's3://b'\nregoin = 'y'", "regoin"),
        ("[repositories.a]\nurl = '/tmp'\nregion = 'y'", "region"),
        ("[repositories.a]\nurl = '/tmp'\n[repositories.a.encryption]", "no recipients"),
        (
            "[repositories.a]\nurl = '/tmp'\n[repositories.a.encryption]\nrecipient = 'age1'",
            "unknown key: recipient",
        ),
        (
            "[repositories.a]\nurl = '/tmp'\n[repositories.a.encryption]\nrecipients = ['hunter']",
            "none of age",
        ),
        (
            "[repositories.a]\nurl = '/tmp'\n[repositories.a.encryption]\npassphrase_command = ['false']",
            "failed",
        ),
        (
            "[repositories.a]\nurl = '/tmp'\n[repositories.a.encryption]\nrecipients = ['age1']\npassphrase_file = 'DIR/hunter'",
            "neither recipients nor",
        ),
    ];
    for (text, told) in cases {
        let error = load_file(text, &[], &[]).unwrap_err();
        assert!(error.to_string().contains(told), "{text}: {error}");
        assert!(!format!("{error:?}").contains("hunter3"), "{error:?}");
    }
}

#[test]
fn what_is_for_a_default_that_is_not_there_is_not_left_aside() {
    let clusters = "[clusters.eu]\nurl = 'http://x'";
    let told = load_file(clusters, &[(key::VARIABLE, "hunter2")], &[]).unwrap_err().to_string();
    assert!(told.contains(key::VARIABLE) && !told.contains("hunter2"), "{told}");
    assert!(load_file(clusters, &[], &["--weaviate-grpc-url", "http://x:1"]).is_err());
    assert!(load_file(clusters, &[(key::VARIABLE, "")], &[]).is_ok());
    let repositories = "[repositories.a]\nurl = '/tmp'";
    assert!(load_file(repositories, &[("SELVEDGE_PASSPHRASE", "hunter2")], &[]).is_err());
    assert!(load_file(repositories, &[("SELVEDGE_PASSPHRASE", "x")], &["--repository", "/tmp"]).is_ok());
    // A section that is encrypted may name the variable, and has no use for the flags.
    let encrypted = "[repositories.a]\nurl = '/tmp'\n[repositories.a.encryption]\npassphrase_variable = 'SELVEDGE_PASSPHRASE'";
    let variable = [("SELVEDGE_PASSPHRASE", "hunter2")];
    assert!(load_file(encrypted, &variable, &[]).is_ok());
    let told = load_file(encrypted, &variable, &["--recipient", "age1x"]).unwrap_err().to_string();
    assert!(told.contains("--recipient"), "{told}");
}
