//! What every call passes first, REST or gRPC: the script of faults, then the key, and whether it may write.

use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tonic::Status;

use super::door::WayOut;
use super::faults::{Action, Call, RefusedObjects, Rewound, run};
use super::{Shared, auth};

/// Anybody with a key may ask.
const HEALTH: &str = "/grpc.health.v1.Health/";

pub(crate) async fn pass(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(way_out): ConnectInfo<WayOut>,
    mut request: Request,
    next: Next,
) -> Response {
    let call = Call::of(request.method().as_str(), request.uri().path());
    let is_grpc = matches!(call, Call::Grpc(_)) || request.uri().path().starts_with(HEALTH);
    let mut refused = RefusedObjects::default();
    let mut lose_answer = false;
    for action in shared.faults.meet(call) {
        match action {
            Action::Grpc(code, text) => return Status::new(code, text).into_http(),
            Action::Http(status, body) => return plain(status, body),
            Action::Delay(by) => tokio::time::sleep(by).await,
            Action::Cut => return cut(&way_out).await,
            Action::CutAfter(bytes) => way_out.cut_after(bytes),
            Action::LoseAnswer => lose_answer = true,
            Action::RefuseObjects(objects, text) => refused.add(objects, text),
            Action::Rewind => drop(request.extensions_mut().insert(Rewound)),
            Action::Before(change) => run(&change, &shared.contents),
            Action::Hold(hold) => hold.wait().await,
        }
    }
    if shared.contents.is_starting() && writes(&request, is_grpc) {
        let text = "raft is not ready";
        return if is_grpc { Status::unavailable(text).into_http() } else { plain(503, String::new()) };
    }
    let rights = match auth::rights(&shared, &request, is_grpc) {
        Ok(rights) => rights,
        Err(text) => return auth::refuse(text, is_grpc),
    };
    if !is_grpc && let Err(refusal) = rights.check_write(request.method(), request.uri().path()) {
        return refusal.into_response();
    }
    request.extensions_mut().insert(rights);
    if !refused.is_empty() {
        request.extensions_mut().insert(refused);
    }
    let response = next.run(request).await;
    if lose_answer {
        return cut(&way_out).await;
    }
    response
}

fn writes(request: &Request, is_grpc: bool) -> bool {
    let path = request.uri().path();
    if is_grpc {
        path.ends_with("/BatchObjects") || path.ends_with("/BatchDelete")
    } else {
        request.method() != Method::GET && path != "/v1/graphql"
    }
}

fn plain(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).expect("a fault's status is a valid one");
    (status, [(axum::http::header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// Never returns: the connection goes, and with it the task that asks.
pub(crate) async fn cut(way_out: &WayOut) -> Response {
    way_out.cut();
    std::future::pending().await
}
