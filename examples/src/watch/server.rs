//! Says how the service is, to whoever asks on this machine.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result};
use serde_json::json;
use tokio::net::TcpListener;
use tracing::info;

use super::{Stop, metrics, vitals::Vitals};
use crate::status::page;

/// `OpenMetrics` 1.0, which Prometheus asks for.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Listens from now on, until the service ends.
pub(super) async fn begin(address: SocketAddr, vitals: Arc<Vitals>, stop: Stop) -> Result<()> {
    let failed = |error| {
        Error::new(ErrorKind::Config, ErrorClass::Fatal, "listen", "the port cannot be had")
            .about(address)
            .advise("choose another one in `listen` under [watch]")
            .because(error)
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    info!(%bound, "listening: the status page, /health and /metrics");
    let routes =
        Router::new().route("/", get(status_page)).route("/health", get(health)).route("/metrics", get(metrics)).with_state(vitals);
    tokio::spawn(async move {
        // It ends with the service, or never.
        let _: std::io::Result<()> = axum::serve(listener, routes).with_graceful_shutdown(stop).await;
    });
    Ok(())
}

/// 200 where the archive goes on by itself, else 503; both with what somebody has to do or to look at.
async fn health(State(vitals): State<Arc<Vitals>>) -> Response {
    match vitals.status().await {
        Ok(status) => {
            let code = if status.is_unhealthy() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
            (code, Json(json!(status.health))).into_response()
        }
        Err(error) => {
            let reason = json!({ "kind": "unreadable", "unhealthy": true, "what": error.to_string(), "advice": error.advice() });
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "healthy": false, "reasons": [reason] }))).into_response()
        }
    }
}

/// What `status --html` writes.
async fn status_page(State(vitals): State<Arc<Vitals>>) -> Response {
    match vitals.status().await {
        Ok(status) => Html(page(&status)).into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    }
}

async fn metrics(State(vitals): State<Arc<Vitals>>) -> Response {
    let status = vitals.status().await.ok();
    match metrics::text(status.as_deref(), &vitals.counters()) {
        Ok(text) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
