//! A real S3 server in this process, with a script of faults.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{AUTHORIZATION, HeaderName, HeaderValue, IF_NONE_MATCH};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::{ACCESS_KEY, SECRET_KEY};
use crate::stand_in::door::{Door, WayOut};
use crate::stand_in::faults::{Action, Call, Faults};
use crate::stand_in::gate::cut;

/// Whose protocol it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    S3,
    Google,
}

/// Gone when dropped; what is in its folder stays.
pub struct InProcess {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
    dialect: Dialect,
    service: S3Service,
    faults: Faults,
    folder: PathBuf,
    /// It looks whether there is an object, and then writes one: somebody else must not do so in between.
    creating: Mutex<()>,
    /// Whether it creates what is there already.
    is_careless: AtomicBool,
}

impl InProcess {
    pub async fn start(dialect: Dialect, folder: &Path) -> anyhow::Result<Self> {
        let faults = Faults::default();
        let door = Door::open((Ipv4Addr::LOCALHOST, 0).into(), faults.clone()).await?;
        let address = door.address()?;
        let system = FileSystem::new(folder).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let mut builder = S3ServiceBuilder::new(system);
        if dialect == Dialect::S3 {
            builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        }
        let shared = Arc::new(Shared {
            dialect,
            service: builder.build(),
            faults,
            folder: folder.to_owned(),
            creating: Mutex::default(),
            is_careless: AtomicBool::default(),
        });
        let routes = axum::Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let service = routes.into_make_service_with_connect_info::<WayOut>();
        let serving = tokio::spawn(async move { drop(axum::serve(door, service).await) });
        Ok(Self { address, shared, serving })
    }

    /// The script of what goes wrong. Paths begin with the bucket's name.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// From now on it takes "only if there is none" for decoration, as some that speak S3 do.
    pub fn be_careless(&self) {
        self.shared.is_careless.store(true, Ordering::Relaxed);
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        self.serving.abort();
        self.shared.faults.cut_all();
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(way_out): ConnectInfo<WayOut>,
    request: Request,
) -> Response {
    let mut lose_answer = false;
    for action in shared.faults.meet(Call::rest(request.method().as_str(), request.uri().path())) {
        match action {
            Action::Http(status, body) => {
                let status = StatusCode::from_u16(status).expect("a fault's status is a valid one");
                return (status, body).into_response();
            }
            Action::Delay(by) => tokio::time::sleep(by).await,
            Action::Cut => return cut(&way_out).await,
            Action::CutAfter(bytes) => way_out.cut_after(bytes),
            Action::LoseAnswer => lose_answer = true,
            Action::Hold(hold) => hold.wait().await,
            Action::Grpc(..) | Action::RefuseObjects(..) | Action::Rewind | Action::Before(_) => {
                panic!("a fault for Weaviate, not for an object store")
            }
        }
    }
    let response = shared.serve(request).await;
    if lose_answer { cut(&way_out).await } else { response }
}

impl Shared {
    async fn serve(&self, mut request: Request) -> Response {
        if self.dialect == Dialect::Google {
            request = from_google(request);
        }
        // It would make the bucket.
        let bucket = request.uri().path().split('/').nth(1).unwrap_or_default();
        if !self.folder.join(bucket).is_dir() {
            let body = "<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>";
            return (StatusCode::NOT_FOUND, body).into_response();
        }
        // It would say that this is not allowed.
        let query = request.uri().query().unwrap_or_default();
        if let Some(upload) = query.split('&').find_map(|pair| pair.strip_prefix("uploadId="))
            && !self.folder.join(format!(".upload-{upload}.json")).exists()
        {
            let body = "<Error><Code>NoSuchUpload</Code><Message>The specified upload does not exist</Message></Error>";
            return (StatusCode::NOT_FOUND, body).into_response();
        }
        let is_creating = request.headers().contains_key(IF_NONE_MATCH);
        let creating = if is_creating { Some(self.creating.lock().await) } else { None };
        if is_creating && self.is_careless.load(Ordering::Relaxed) {
            // The condition is signed. With nothing there it says nothing.
            let _ = std::fs::remove_file(self.folder.join(request.uri().path().trim_start_matches('/')));
        }
        let answered = self.service.call(request.map(s3s::Body::http_body_unsync)).await;
        drop(creating);
        let mut response = match answered {
            Ok(response) => response.map(axum::body::Body::new),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:?}")).into_response(),
        };
        if self.dialect == Dialect::Google {
            let generation = HeaderName::from_static("x-goog-generation");
            response.headers_mut().insert(generation, HeaderValue::from_static("1"));
        }
        response
    }
}

/// What Google's XML API has of its own.
fn from_google(mut request: Request) -> Request {
    let headers = request.headers_mut();
    headers.remove(AUTHORIZATION);
    if headers.remove("x-goog-if-generation-match").is_some_and(|generation| generation == "0") {
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
    }
    let path = request.uri().to_string().replace("%2F", "/");
    *request.uri_mut() = Uri::try_from(path).expect("a slash does not spoil a path");
    request
}
