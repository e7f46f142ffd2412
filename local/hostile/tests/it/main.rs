//! What every function keeps to, whoever asks and for whatever.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod fetching;
mod headers;
mod paths;
mod strangers;
mod trap;

use axum::Router;
use testkit::Stage;

/// Every function that a request reaches, in this process.
struct Functions {
    console: Router,
    health: Router,
    users: Router,
    outbound_calls: Router,
    voice: Router,
    status: Router,
    recording: Router,
    media: Router,
}

impl Functions {
    fn of(stage: &Stage) -> Self {
        let settings = stage.settings();
        Self {
            console: console::router(&settings).unwrap(),
            health: health::router(health::App::from_settings(&settings).unwrap()),
            users: users::router(users::App::from_settings(&settings).unwrap()),
            outbound_calls: outbound_calls::router(
                outbound_calls::App::from_settings(&settings).unwrap(),
            ),
            voice: voice::router(voice::App::from_settings(&settings).unwrap()),
            status: status::router(status::App::from_settings(&settings).unwrap()),
            recording: recording::router(recording::App::from_settings(&settings).unwrap()),
            media: media::router(media::App::from_settings(&settings).unwrap()),
        }
    }
}
