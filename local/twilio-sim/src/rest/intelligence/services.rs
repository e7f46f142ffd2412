//! The Services resource: a language and a webhook for transcripts.

use chrono::{SecondsFormat, Utc};
use serde_json::{Value, json};

use super::list;
use crate::model::{Service, new_sid};
use crate::rest::error::RestError;
use crate::rest::params::Params;
use crate::sim::Sim;

/// The largest page size of services and of transcripts.
pub(super) const PAGE_MAX: usize = 1_000;

/// Creates a service.
pub(super) fn create(sim: &Sim, form: &Params) -> Result<Value, RestError> {
    let required = |name: &str| {
        let given = form.get(name).map(str::to_owned);
        given.ok_or_else(|| RestError::bad(20001, format!("{name} is missing")))
    };
    let now = Utc::now();
    let mut service = Service {
        sid: new_sid("GA"),
        name: required("UniqueName")?,
        friendly_name: String::new(),
        language: form.get("LanguageCode").unwrap_or("en-US").to_owned(),
        webhook_url: None,
        created: now,
        updated: now,
    };
    change(sim, &mut service, form)?;
    let mut tables = sim.store.lock();
    if tables.service(&service.name).is_some() {
        return Err(RestError::bad(20001, "UniqueName is already in use"));
    }
    tables.put_service(service.clone());
    Ok(document(sim, &service))
}

/// Changes a service. Its language stays.
pub(super) fn update(sim: &Sim, sid: &str, form: &Params) -> Result<Value, RestError> {
    let mut tables = sim.store.lock();
    let mut service = tables.service(sid).cloned().ok_or_else(|| missing(sid))?;
    if let Some(name) = form.get("UniqueName") {
        name.clone_into(&mut service.name);
    }
    change(sim, &mut service, form)?;
    service.updated = Utc::now();
    tables.put_service(service.clone());
    Ok(document(sim, &service))
}

fn change(sim: &Sim, service: &mut Service, form: &Params) -> Result<(), RestError> {
    if let Some(name) = form.get("FriendlyName") {
        name.clone_into(&mut service.friendly_name);
    }
    let method = form.one_of("WebhookHttpMethod", &["POST", "NULL"])?;
    // The default of a method parameter is POST, which is the only one that the simulator sends.
    let target = form.webhook_target(sim, "WebhookUrl", "", 21205)?;
    if let Some(target) = target {
        service.webhook_url = Some(target.url);
    }
    if method == "NULL" {
        service.webhook_url = None;
    }
    Ok(())
}

/// Returns a service.
pub(super) fn fetch(sim: &Sim, sid: &str) -> Result<Value, RestError> {
    let tables = sim.store.lock();
    let service = tables.service(sid).ok_or_else(|| missing(sid))?;
    Ok(document(sim, service))
}

/// Lists the services, newest first.
pub(super) fn list(sim: &Sim, query: &Params) -> Result<Value, RestError> {
    let tables = sim.store.lock();
    let all = tables.services();
    list::page(
        sim,
        "/v2/Services",
        "services",
        (query, PAGE_MAX),
        all,
        |own| document(sim, own),
    )
}

/// Returns a 404 for a service.
pub(super) fn missing(sid: &str) -> RestError {
    RestError::not_found(&format!("/v2/Services/{sid}"))
}

fn document(sim: &Sim, service: &Service) -> Value {
    let method = if service.webhook_url.is_some() {
        "POST"
    } else {
        "NULL"
    };
    json!({
        "account_sid": sim.config.account_sid,
        "auto_redaction": false,
        "auto_transcribe": false,
        "data_logging": false,
        "date_created": service.created.to_rfc3339_opts(SecondsFormat::Secs, true),
        "date_updated": service.updated.to_rfc3339_opts(SecondsFormat::Secs, true),
        "encryption_credential_sid": null,
        "friendly_name": service.friendly_name,
        "language_code": service.language,
        "media_redaction": false,
        "read_only_attached_operator_sids": [],
        "sid": service.sid,
        "unique_name": service.name,
        "url": format!("{}/v2/Services/{}", sim.origin, service.sid),
        "version": 1,
        "webhook_http_method": method,
        "webhook_url": service.webhook_url.as_deref().unwrap_or_default(),
    })
}
