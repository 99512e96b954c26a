use std::time::Duration;

use tokio::sync::oneshot;

use super::*;
use crate::jobs::{Asking, Limits, Registry as Jobs};
use selvedge_archive::{Manifest, Opened};
use selvedge_model::error::Kind;
use selvedge_ops::{ClearRequest, Outcome, Places, Report, Request};
use selvedge_weaviate::RetryObserver;

fn clearing(dry_run: bool) -> Request {
    let request =
        ClearRequest { collections: vec!["Article".to_owned()], dry_run, ..ClearRequest::default() };
    let (cluster, repository) = ("default".to_owned(), "default".to_owned());
    Request { cluster, repository, operation: Operation::Clear(request), lock_timeout: Duration::ZERO }
}

fn jobs() -> Arc<Jobs> {
    let places = Arc::new(Places::new(Vec::new(), Vec::new()).unwrap());
    Jobs::new(Limits { running: 1, waiting: 9, history: 9, memory: 0 }, places, Arc::default())
}

fn line(text: &str, series: &str) -> f64 {
    let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {series} in\n{text}")).parse().unwrap()
}

async fn ended(job: &Job) {
    job.watch().wait_for(|lifecycle| lifecycle.state.is_terminal()).await.unwrap();
}

#[tokio::test]
async fn counters_move_while_a_job_runs_and_stay_when_it_has_ended() {
    let jobs = jobs();
    let (begun, has_begun) = oneshot::channel();
    let (finish, finished) = oneshot::channel::<()>();
    let first = jobs
        .start(Asking::default(), clearing(false), |context, _| async move {
            let counters = context.progress.add_collection("Article", "");
            counters.add_objects(3);
            counters.add_bytes_read(10);
            let error = Error::new(Kind::WeaviateOverloaded, "not now");
            context.progress.retrying(&error, std::time::Duration::ZERO, std::time::Duration::ZERO);
            begun.send(()).unwrap();
            finished.await.unwrap();
            context.progress.begin_anew();
            context.progress.add_collection("Article", "").add_objects(4);
            Ok(Outcome::Complete(Report::default()))
        })
        .unwrap();
    has_begun.await.unwrap();
    let second = jobs
        .start(Asking::default(), clearing(true), |_, _| async { Ok(Outcome::Complete(Report::default())) })
        .unwrap();
    let text = jobs.scrape().unwrap();
    for (series, value) in [
        ("selvedge_jobs_running{kind=\"clear\"}", 1.0),
        ("selvedge_jobs_queued{kind=\"clear\"}", 1.0),
        ("selvedge_jobs_waiting{kind=\"clear\"}", 1.0),
        ("selvedge_jobs_running{kind=\"backup\"}", 0.0),
        ("selvedge_objects_total{kind=\"clear\"}", 3.0),
        ("selvedge_bytes_total{kind=\"clear\",direction=\"read\"}", 10.0),
        ("selvedge_retries_total{cause=\"WEAVIATE_OVERLOADED\"}", 1.0),
        ("selvedge_jobs_ended_total{kind=\"clear\",state=\"succeeded\"}", 0.0),
        ("selvedge_memory_in_use_bytes", 0.0),
    ] {
        assert_eq!(line(&text, series), value, "{series}");
    }
    assert!(text.contains("selvedge_build_info{version=\"") && text.ends_with("# EOF\n"), "{text}");

    finish.send(()).unwrap();
    ended(&first).await;
    ended(&second).await;
    for _ in 0..2 {
        let text = jobs.scrape().unwrap();
        assert_eq!(line(&text, "selvedge_objects_total{kind=\"clear\"}"), 7.0);
        assert_eq!(line(&text, "selvedge_jobs_running{kind=\"clear\"}"), 0.0);
        // A dry run is none.
        assert_eq!(line(&text, "selvedge_jobs_ended_total{kind=\"clear\",state=\"succeeded\"}"), 1.0);
        assert_eq!(line(&text, "selvedge_job_duration_seconds_count{kind=\"clear\"}"), 1.0);
    }
}

/// A backup of one collection, which ended so many seconds after 1970.
fn backup(cluster: &str, collection: &str, second: i64, complete: bool) -> Opened<Manifest> {
    let time = chrono::DateTime::from_timestamp(second, 0).unwrap();
    let text = serde_json::json!({
        "format_version": 2, "id": format!("b{second}"), "kind": "full", "selvedge_version": "0.1.0",
        "weaviate_version": "1.39.0", "job_id": "", "cluster": { "name": cluster, "address": "" },
        "start_time": time, "end_time": time, "options": {},
        "collections": [{
            "name": collection, "objects": 1, "bytes": 7, "files": 1, "multi_tenant": false,
            "tenants_covered": 0, "tenants_total": 0, "complete": complete, "blake3": {},
        }],
    });
    Opened::Whole(serde_json::from_value(text).unwrap())
}

#[test]
fn the_last_success_is_the_newest_whole_one_in_any_repository() {
    let metrics = Metrics::default();
    let stock = |backups: &[Opened<Manifest>]| {
        let mut stock = Stock::default();
        backups.iter().for_each(|backup| stock.add(backup));
        stock
    };
    let series = "selvedge_last_success_timestamp_seconds{cluster=\"eu\",collection=\"Article\"}";
    let render = || metrics.render(&[], &Budget::default()).unwrap();
    metrics.tell_stock("a", stock(&[backup("eu", "Article", 9, false), backup("eu", "Article", 5, true)]));
    metrics.tell_stock("b", stock(&[backup("eu", "Article", 3, true)]));
    let text = render();
    assert_eq!(line(&text, series), 5.0);
    assert_eq!(line(&text, "selvedge_repository_backups{repository=\"a\"}"), 2.0);
    assert_eq!(line(&text, "selvedge_repository_bytes{repository=\"a\"}"), 14.0);
    assert_eq!(line(&text, "selvedge_repository_newest_backup_timestamp_seconds{repository=\"a\"}"), 9.0);
    metrics.tell_stock("a", stock(&[]));
    assert_eq!(line(&render(), series), 3.0);
    metrics.tell_stock("b", stock(&[backup("", "Article", 8, true)]));
    assert!(!render().contains("cluster=\"eu\""), "what is not backed up any more is not named for ever");
}

/// A name that nothing has would make an alert that never fires.
#[test]
fn what_the_docs_name_is_there() {
    let metrics = Metrics::default();
    metrics.tell_reachable("a", true);
    let mut stock = Stock::default();
    stock.add(&backup("eu", "Article", 1, true));
    stock.space = Some((1, 2));
    metrics.tell_stock("a", stock);
    drop(metrics.jobs.retries.get_or_create(&OfCause { cause: "WEAVIATE_OVERLOADED" }));
    let text = metrics.render(&[], &Budget::default()).unwrap();
    let docs = [
        include_str!("../../../docs/alerts.yml"),
        include_str!("../../../docs/grafana.json"),
        include_str!("../../../docs/monitoring.md"),
    ];
    let docs = docs.concat();
    let words = docs.split(|char: char| !(char.is_ascii_alphanumeric() || char == '_'));
    let named: Vec<_> = words.filter(|word| word.starts_with("selvedge_")).collect();
    assert!(named.len() > 16, "{named:?}");
    for name in named {
        let is_there = ["{", " ", "_bucket{"].iter().any(|end| text.contains(&format!("\n{name}{end}")));
        assert!(is_there, "{name} is not in\n{text}");
    }
}
