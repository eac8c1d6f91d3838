//! The files that pages need, compiled in. Their addresses carry a digest of the content, so that
//! browsers may keep them for ever.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

struct Asset {
    name: &'static str,
    mime: &'static str,
    body: &'static [u8],
}

const ASSETS: [Asset; 3] = [
    Asset {
        name: "deputy.css",
        mime: "text/css; charset=utf-8",
        body: include_bytes!("../assets/deputy.css"),
    },
    Asset {
        name: "mark.svg",
        mime: "image/svg+xml",
        body: include_bytes!("../assets/mark.svg"),
    },
    Asset {
        name: "passkey.js",
        mime: "text/javascript; charset=utf-8",
        body: include_bytes!("../assets/passkey.js"),
    },
];

static VERSIONS: LazyLock<Vec<(&'static str, String)>> = LazyLock::new(|| {
    ASSETS
        .iter()
        .map(|asset| {
            (
                asset.name,
                deputy_core::secret::sha256_hex(asset.body)[..12].to_owned(),
            )
        })
        .collect()
});

/// The address of the asset `name`.
pub(crate) fn href(name: &str) -> String {
    let version = VERSIONS
        .iter()
        .find(|(n, _)| *n == name)
        .map_or("", |(_, version)| version.as_str());
    format!("/assets/{name}?v={version}")
}

/// `GET /assets/{name}`.
pub(crate) async fn serve(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|asset| asset.name == name) {
        Some(asset) => (
            [
                (header::CONTENT_TYPE, asset.mime),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ],
            asset.body,
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
