# Metrics from log entries. docs/operations.md lists the fields; shared/web writes them.

locals {
  from_functions = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=(${join(" OR ", formatlist("\"%s\"", keys(local.functions)))})"
  from_stages    = "jsonPayload.function=(${join(" OR ", formatlist("\"%s\"", keys(local.stages)))})"

  # Counted log entries. A label is a field of the entry.
  counters = {
    outcomes = {
      about  = "Deliveries to the worker, by outcome"
      filter = "jsonPayload.function=\"automate\" AND jsonPayload.outcome:*"
      label  = "outcome"
    }
    lost_records = {
      about  = "Sweeps that found records which the queue had lost after work on them"
      filter = "jsonPayload.function=\"fallback\" AND jsonPayload.dead_lettered>0"
      label  = null
    }
    stage_runs = {
      about  = "Successful runs of a stage, even if single orders failed"
      filter = "${local.from_stages} AND jsonPayload.cycle:* AND jsonPayload.status=200"
      label  = "function"
    }
    # Waiting for the stage before it (retry_later) and running already (409) do not count.
    stage_failures = {
      about  = "Failed runs of a stage"
      filter = "${local.from_stages} AND jsonPayload.status>=500 AND NOT jsonPayload.code=\"retry_later\""
      label  = "function"
    }
    sweeps = {
      about  = "Successful sweeps"
      filter = "jsonPayload.function=\"fallback\" AND jsonPayload.looked_at:* AND jsonPayload.status=200"
      label  = null
    }
  }

  # Numbers that every sweep writes into its log entry (enrichment_figures, audit_some and fulfillment_figures in the migrations). Sweeps
  # run every five minutes, so a mean over some minutes is the figure itself.
  figures = {
    in_flight                    = { unit = "1", about = "Records that automation works on or has yet to work on" }
    oldest_in_flight_seconds     = { unit = "s", about = "Age of the oldest of them that could be worked on" }
    waiting_for_vendor           = { unit = "1", about = "Records that wait for a vendor: its next day, its recovery, or our credentials" }
    vendor_down_seconds          = { unit = "s", about = "How long a vendor has failed record after record" }
    account_refused_seconds      = { unit = "s", about = "How long a vendor has refused our credentials" }
    manual_open                  = { unit = "1", about = "Open manual tasks" }
    manual_overdue               = { unit = "1", about = "Manual tasks past their due time" }
    hand_over_overdue            = { unit = "1", about = "Failed records that no person has after the sweep's grace" }
    oldest_hand_over_seconds     = { unit = "s", about = "Time since the oldest of them failed" }
    never_enqueued_overdue       = { unit = "1", about = "Records that should be in the queue after the sweep's grace, and are not" }
    labels_unknown               = { unit = "1", about = "Labels whose purchase has an unknown outcome" }
    oldest_label_unknown_seconds = { unit = "s", about = "Age of the oldest of them" }
    orders_for_person            = { unit = "1", about = "Orders that a person must look at" }
    orders_unmatched             = { unit = "1", about = "Findings in which marketplace or carrier contradict the account" }
    marketplace_look_seconds     = { unit = "s", about = "Age of the last complete look at the marketplace" }
    carrier_look_seconds         = { unit = "s", about = "Age of the last complete look at the carrier" }
    breakers_open                = { unit = "1", about = "Stages that a vendor or our account stops" }
    audit_faults                 = { unit = "1", about = "Rows in which the audit contradicts the account of the records" }
    audit_pending                = { unit = "1", about = "Batches of the last days that the audit has not looked at yet" }
    daily_share                  = { unit = "1", about = "Used share of the day's task quota" }
  }

  # The names that alerts and dashboard use.
  metric = merge(
    { for name, metric in google_logging_metric.counter : name => "logging.googleapis.com/user/${metric.name}" },
    { for name, metric in google_logging_metric.figure : name => "logging.googleapis.com/user/${metric.name}" },
  )
}

resource "google_logging_metric" "counter" {
  for_each = local.counters

  name             = "switchyard/${each.key}"
  description      = each.value.about
  filter           = "${local.from_functions} AND ${each.value.filter}"
  label_extractors = each.value.label == null ? null : { (each.value.label) = "EXTRACT(jsonPayload.${each.value.label})" }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"

    dynamic "labels" {
      for_each = each.value.label == null ? [] : [each.value.label]

      content {
        key        = labels.value
        value_type = "STRING"
      }
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_logging_metric" "figure" {
  for_each = local.figures

  name            = "switchyard/${each.key}"
  description     = each.value.about
  filter          = "${local.from_functions} AND jsonPayload.function=\"fallback\" AND jsonPayload.${each.key}>=0"
  value_extractor = "EXTRACT(jsonPayload.${each.key})"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "DISTRIBUTION"
    unit        = each.value.unit
  }

  # Only the mean is used, and it does not depend on the buckets.
  bucket_options {
    exponential_buckets {
      growth_factor      = 2
      num_finite_buckets = 32
      scale              = 0.01
    }
  }

  depends_on = [google_project_service.api]
}
