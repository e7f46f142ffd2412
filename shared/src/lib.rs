//! The library that all functions of outdial share.
//!
//! Each function is a Lambda binary of its own: a router with its handlers. Everything else is here.
//!
//! # The way of a request
//!
//! 1. Lambda starts a process, whose `main` calls [`boot::run`]. The init phase starts [`telemetry`], reads the process's
//!    [`variables`] and the secret ([`aws::secret`]) into [`config::Settings`], and builds the function's state. Values
//!    from the secret are [`config::Reloadable`], so that a new key or token works without a restart.
//! 2. An event arrives. [`boot`] makes it readable for the Lambda runtime, which turns it into an HTTP request for the router.
//!    Before that, [`aws::secret::Secret::keep_fresh`] reads the secret again if the last reading is too old.
//! 3. [`http::with_common_layers`] surrounds every router. It opens the log span with the `request_id`, rejects a path that the
//!    gateway did not route, catches panics, and counts the response.
//! 4. The handler's extractors run in order. Authentication comes first: [`http::Caller`] checks the API key, and
//!    [`webhook::SignedForm`] checks Twilio's signature. Nothing is connected before that. Then [`http::Id`], [`http::PageQuery`]
//!    and [`http::Json`] parse the rest into [`domain`] types, which are always valid.
//! 5. The handler calls one method of [`dao::Dao`] for a question or a change. Work that several functions share, such
//!    as placing a call, is in [`service`]. It combines the [`dao`] and the [`twilio`] client.
//! 6. The [`dao`] runs one database command within its time limit, and returns a [`domain`] document or a [`dao::DaoError`].
//! 7. The handler returns a response body ([`http::CallBody`] for example) or an [`http::Problem`]. The layers write the body of
//!    a problem, log one line, flush the metrics, and the runtime sends the response to the gateway.
//!
//! Webhooks take the same way. [`webhook`] parses their forms and applies them, directly or from the queue.
//!
//! # Layers
//!
//! Each module uses only modules of earlier layers: [`domain`], [`variables`], [`tls`], [`input`]; [`telemetry`], [`aws`], [`csv`];
//! [`config`]; [`dao`], [`twilio`]; [`service`], [`http`]; [`webhook`]; [`boot`]. `xtask/tests/layout.rs` tests that.
//!
//! # Example
//!
//! A router that handles an event as in Lambda:
//!
//! ```
//! use axum::{Router, routing::get};
//! use lambda_http::{Context, LambdaEvent, Service};
//! use outdial::{boot, http::with_common_layers};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let router = with_common_layers(Router::new().route("/hello", get(async || "hello")));
//! let event = serde_json::from_value(serde_json::json!({
//!     "version": "2.0",
//!     "routeKey": "$default",
//!     "rawPath": "/hello",
//!     "headers": {},
//!     "requestContext": {"http": {"method": "GET", "path": "/hello"}, "stage": "$default"},
//!     "isBase64Encoded": false,
//! }))?;
//! let response = boot::service(router).call(LambdaEvent::new(event, Context::default())).await?;
//! let response = serde_json::to_value(response)?;
//! assert_eq!(response["statusCode"], 200);
//! assert_eq!(response["body"], "hello");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

pub mod aws;
pub mod boot;
pub mod config;
pub mod csv;
pub mod dao;
pub mod domain;
pub mod http;
pub mod input;
pub mod service;
pub mod telemetry;
pub mod tls;
pub mod twilio;
pub mod variables;
pub mod webhook;
