# --- place

variable "project" {
  description = "The Google Cloud project. One project holds one Switchyard: names in it are not prefixed."
  type        = string
}

variable "region" {
  description = "Region of functions, queues and jobs."
  type        = string
  default     = "northamerica-northeast1"
}

variable "archives_dir" {
  description = "Folder with one <function>.zip each, written by `make package`. Relative to this folder."
  type        = string
  default     = "../../build"
}

# --- connections

variable "supabase_url" {
  description = "Address of the Supabase project, such as https://abc.supabase.co."
  type        = string

  validation {
    condition     = startswith(var.supabase_url, "https://")
    error_message = "supabase_url must begin with https://: the service role key travels with every call."
  }
}

variable "source_table" {
  description = "The parts table, as project.dataset.table. Its dataset exists already, possibly in another project."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]+\\.[A-Za-z0-9_]+\\.[A-Za-z0-9_]+$", var.source_table))
    error_message = "source_table must be of the form project.dataset.table."
  }
}

variable "bigquery_location" {
  description = "Where the parts table's dataset lies. The ledger must lie there too: one query reads both."
  type        = string
  default     = "northamerica-northeast1"
}

variable "digikey_client_id" {
  description = "DigiKey's client id. The client secret is in Secret Manager."
  type        = string
}

variable "canada_post" {
  description = "The account at Canada Post, and the sender. The password is in Secret Manager."
  type = object({
    api_user        = string
    customer_number = string
    sender = object({
      company     = string
      phone       = string
      line_1      = string
      city        = string
      province    = string
      postal_code = string
      name        = optional(string)
      line_2      = optional(string)
    })
  })
}

variable "optional_secrets" {
  description = "Optional secrets that are in Secret Manager, by variable: [\"CANADA_POST_OTHER_API_PASSWORD\"]. The functions that read them get them."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setsubtract(var.optional_secrets, local.optional_secret_names)) == 0
    error_message = "optional_secrets names a variable that is not an optional secret; those are ${join(", ", local.optional_secret_names)}."
  }

  validation {
    condition = (
      contains(var.optional_secrets, "CANADA_POST_OTHER_API_PASSWORD") == contains(keys(var.settings), "CANADA_POST_OTHER_API_USER")
    )
    error_message = "Give CANADA_POST_OTHER_API_USER in settings and CANADA_POST_OTHER_API_PASSWORD in optional_secrets, or neither."
  }
}

variable "secret_versions" {
  description = "Pins a secret's version, by variable: { BEST_BUY_API_KEY = \"3\" }. The others use `latest`, read when an instance starts."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.secret_versions), local.secret_names)) == 0
    error_message = "secret_versions names a variable that is not a secret; the secrets are ${join(", ", local.secret_names)}."
  }
}

# --- behaviour

variable "workflow" {
  description = "The configuration of enrichment, WORKFLOW_* (docs/configuration.md). A function checks the ranges when it starts."
  type = object({
    automation_priority_threshold = optional(number, 0.8)
    automation_max_concurrent     = optional(number, 5)
    automation_retry_attempts     = optional(number, 3)
    manual_priority_threshold     = optional(number, 0.5)
    manual_batch_size             = optional(number, 50)
    automation_failure_to_manual  = optional(bool, true)
    max_automation_failures       = optional(number, 3)
    max_daily_tasks               = optional(number, 1000)
    max_batch_size                = optional(number, 100)
  })
  default = {}
}

variable "queue_max_attempts" {
  description = "Deliveries of one queue task. The queue and the code use the same value, because the code must recognise the last delivery."
  type        = number
  default     = 10

  validation {
    condition     = var.queue_max_attempts > var.workflow.automation_retry_attempts && var.queue_max_attempts <= 100
    error_message = "queue_max_attempts must be above automation_retry_attempts (some deliveries cost no attempt), and at most 100."
  }
}

variable "automation_dispatches_per_second" {
  description = "Rate of the automation queue. DigiKey allows 120 calls a minute; a record costs one, an ambiguous number two."
  type        = number
  default     = 1.5

  validation {
    condition     = var.automation_dispatches_per_second > 0 && var.automation_dispatches_per_second <= 2
    error_message = "automation_dispatches_per_second must be above 0 and at most 2: DigiKey allows 120 calls a minute."
  }
}

variable "automation_lease_seconds" {
  description = "Seconds that one delivery holds a record, and the worker's timeout: a delivery must never outlive its lease."
  type        = number
  default     = 120

  validation {
    condition     = var.automation_lease_seconds >= 60 && var.automation_lease_seconds <= 600
    error_message = "automation_lease_seconds must be from 60 (a call of DigiKey and of the database) to 600 (Cloud Tasks gives up)."
  }
}

variable "settings" {
  description = "Other settings of docs/configuration.md, by variable: { DIGIKEY_LOCALE_SITE = \"US\" }. Each reaches the functions that read it."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.settings), local.free_settings)) == 0
    error_message = "settings names a variable that no function reads, or that has its own Terraform variable: ${join(", ", setsubtract(keys(var.settings), local.free_settings))}."
  }

  validation {
    condition     = contains(["DEBUG", "INFO"], upper(lookup(var.settings, "LOG_LEVEL", "INFO")))
    error_message = "LOG_LEVEL must be INFO or DEBUG: metrics and alerts need the log entries that INFO writes."
  }
}

variable "orchestrate" {
  description = "When records are taken in (unix-cron, in the time zone of pipeline.json), and how many at once."
  type = object({
    schedule = optional(string, "20 * * * *")
    limit    = optional(number, 100)
  })
  default = {}
}

variable "scheduler_paused" {
  description = "Deploys with all jobs paused: for the first deployment, and to restore the database."
  type        = bool
  default     = false
}

# --- people

variable "operators" {
  description = "People who work with it (user:..., group:...): they may call every function except the worker and the desk."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for who in var.operators : can(regex("^(user|group|serviceAccount):[^ ]+@[^ ]+$", who))])
    error_message = "operators are user:, group: or serviceAccount: with an address. Nobody is let in without an identity."
  }
}

variable "smoke_callers" {
  description = "People who run `make smoke` (user:..., group:...): they may call every function."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for who in var.smoke_callers : can(regex("^(user|group|serviceAccount):[^ ]+@[^ ]+$", who))])
    error_message = "smoke_callers are user:, group: or serviceAccount: with an address. Nobody is let in without an identity."
  }
}

variable "desk_door" {
  description = "How people prove to the desk who they are: iap (Google accounts; closed until you turn it on), or supabase (a code by e-mail)."
  type        = string
  default     = "iap"

  validation {
    condition     = contains(["iap", "supabase"], var.desk_door)
    error_message = "desk_door is iap or supabase."
  }

  validation {
    condition     = (var.desk_door == "supabase") == contains(keys(var.settings), "DESK_SUPABASE_ANON_KEY")
    error_message = "Give DESK_SUPABASE_ANON_KEY in settings when desk_door is supabase, and only then."
  }
}

variable "desk_operators" {
  description = "E-mail addresses of those who are operators at the desk whatever its table of roles says, so that somebody can fill it."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for email in var.desk_operators : can(regex("^[^@:, ]+@[^@:, ]+$", email)) && email == lower(email)])
    error_message = "desk_operators are e-mail addresses, in small letters."
  }
}

variable "desk_people" {
  description = "Others who may pass Identity-Aware Proxy to the desk (user:..., group:...). Their role is given at the desk."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for who in var.desk_people : can(regex("^(user|group):[^ ]+@[^ ]+$", who))])
    error_message = "desk_people are user: or group: with an address."
  }
}

# --- alerts

variable "alert_emails" {
  description = "E-mail addresses that get the alerts."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.alert_emails) + length(var.notification_channels) > 0
    error_message = "Give alert_emails or notification_channels: an alert must reach somebody."
  }
}

variable "notification_channels" {
  description = "More channels, which exist already, such as projects/P/notificationChannels/1234."
  type        = list(string)
  default     = []
}

variable "documentation_url" {
  description = "Address where docs/ is published; each alert links to operations.md below it. Without it the alert names the page."
  type        = string
  default     = ""
}

variable "alert_thresholds" {
  description = "Limits from which alerts fire."
  type = object({
    dead_letters_per_hour  = optional(number, 10)
    oldest_in_flight_hours = optional(number, 2)  # longer than the sweep's patience and a few backoffs
    hand_over_minutes      = optional(number, 15) # the grace, the time to the next sweep and a whole sweep are less
    never_enqueued_minutes = optional(number, 15)
    vendor_down_minutes    = optional(number, 30)
    manual_overdue         = optional(number, 0)  # any
    label_unknown_minutes  = optional(number, 45) # three cycles; most are settled in one
    orders_for_person      = optional(number, 0)  # any
    audit_faults           = optional(number, 0)
    orders_unmatched       = optional(number, 0)  # any, for two cycles: an order may change while it is compared
    marketplace_look_hours = optional(number, 1)  # as in the table order_limits
    carrier_look_hours     = optional(number, 26) # as in the table order_limits: a look a day, and two hours
    breaker_open_minutes   = optional(number, 30)
    queue_depth            = optional(number, 500) # about six minutes of work at 1.5 a second
    error_share            = optional(number, 0.5) # of one function's requests in a quarter of an hour
    daily_share            = optional(number, 0.9) # of max_daily_tasks
    stage_missed_cycles    = optional(number, 3)
  })
  default = {}
}
