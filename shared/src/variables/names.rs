//! The names of the variables, and which of them get special treatment.

/// Every variable that this service reads. The AWS credentials are missing here, because the SDK reads them.
pub const VARIABLES: [&str; 50] = [
    "ALLOWED_COUNTRIES",
    "ALLOWED_VOICES",
    "API_KEYS",
    "APOLOGY",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_ENDPOINT_URL_SQS",
    "AWS_LAMBDA_MAX_CONCURRENCY",
    "AWS_REGION",
    "BASE_URL",
    "BLOCKED_NUMBERS",
    "CALLING_HOURS",
    "CALL_RING_TIMEOUT_SECONDS",
    "CALL_TIME_LIMIT_SECONDS",
    "DEFAULT_TIME_ZONE",
    "DIALS_PER_SECOND",
    "DIAL_QUEUE_URL",
    "EFFECTS_QUEUE_URL",
    "ENVIRONMENT",
    "HOLIDAYS",
    "LANGUAGE",
    "LOG_LEVEL",
    "MAX_CALLS_PER_DAY",
    "MAX_CALLS_PER_NUMBER_PER_DAY",
    "MAX_CALLS_PER_USER_PER_DAY",
    "MEDIA_SIGNING_KEY",
    "MEDIA_URL",
    "MONGO_DB",
    "MONGO_URI",
    "RECONCILE_PAGE",
    "RECONCILE_UNKNOWN_AFTER_SECONDS",
    "RECORDING_NOTICE",
    "RECORDING_URL",
    "SECRET_ID",
    "STACK_NAME",
    "STATUS_URL",
    "TRANSCRIPTION_SERVICES",
    "TRANSCRIPT_URL",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_API_BASE_URL",
    "TWILIO_API_KEY_SECRET",
    "TWILIO_API_KEY_SID",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_AUTH_TOKEN_SECONDARY",
    "TWILIO_FROM_NUMBER",
    "TWILIO_INTELLIGENCE_BASE_URL",
    "VOICE",
    "VOICE_URL",
    "WAKE_QUEUE_URL",
    "WEBHOOK_QUEUE_URL",
];

/// The variables that a secret may hold. Other members of the secret are ignored.
pub const SECRET_VARIABLES: [&str; 8] = [
    "API_KEYS",
    "MEDIA_SIGNING_KEY",
    "MONGO_URI",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_API_KEY_SECRET",
    "TWILIO_API_KEY_SID",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_AUTH_TOKEN_SECONDARY",
];

/// The variables that configure the AWS SDK. It reads them from the process, never from a secret.
pub(crate) const SDK_VARIABLES: [&str; 4] = [
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_ENDPOINT_URL_SQS",
    "AWS_REGION",
];

/// Spoken texts, and lists, whose entries are trimmed and checked one by one. Only these may have blanks inside.
pub(super) const WITH_BLANKS: [&str; 9] = [
    "ALLOWED_COUNTRIES",
    "ALLOWED_VOICES",
    "API_KEYS",
    "APOLOGY",
    "BLOCKED_NUMBERS",
    "CALLING_HOURS",
    "HOLIDAYS",
    "RECORDING_NOTICE",
    "TRANSCRIPTION_SERVICES",
];
