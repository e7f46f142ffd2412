//! Tests violations of stored results.

use super::after_wait;
use crate::violation::Kind;

/// Returns the kinds of violations of a call with these results.
fn of_results(result: Option<&str>, stored: Option<&str>) -> Vec<Kind> {
    after_wait(|it, _| {
        it.stored_calls[0].result = result.map(Into::into);
        it.stored_calls[0].stored_result = stored.map(Into::into);
    })
}

#[test]
fn stored_result_that_differs_is_found() {
    assert_eq!(of_results(Some("confirmed"), Some("confirmed")), []);
    assert_eq!(of_results(None, None), []);
    for (result, stored) in [
        (Some("confirmed"), None),
        (Some("confirmed"), Some("hung_up")),
        (None, Some("not_reached")),
    ] {
        assert_eq!(of_results(result, stored), [Kind::StoredResultDiffers]);
    }
}
