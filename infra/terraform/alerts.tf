# Alerts. Each has a section in docs/operations.md that says what to do.

resource "google_monitoring_notification_channel" "email" {
  for_each = toset(var.alert_emails)

  display_name = each.value
  type         = "email"
  labels       = { email_address = each.value }
  depends_on   = [google_project_service.api]
}

locals {
  channels = concat([for channel in google_monitoring_notification_channel.email : channel.id], var.notification_channels)

  of_functions = "resource.type=\"cloud_run_revision\""
  of_queues    = "resource.type=\"cloud_tasks_queue\""
  cycle        = 60 * local.pipeline.interval_minutes

  # For a figure: the mean over the last log entries.
  mean = { window = 600, align = "ALIGN_DELTA", reduce = "REDUCE_MEAN", group = [] }
  # For a counter: the sum over the window.
  sum = { align = "ALIGN_DELTA", reduce = "REDUCE_SUM", group = [] }

  # A condition must hold for `lasting` seconds. With `silence` it is the opposite: fewer than the threshold, where no data counts as
  # zero.
  alerts = {
    dead-letters = {
      title    = "Dead letters"
      severity = "WARNING"
      says     = "More records than usual could not be completed by automation, or the queue lost some."
      conditions = [
        merge(local.sum, {
          name    = "Records that automation gave up in an hour"
          filter  = "metric.type=\"${local.metric["outcomes"]}\" AND ${local.of_functions} AND metric.labels.outcome=monitoring.regex.full_match(\"dead_lettered|failed\")"
          window  = 3600
          above   = var.alert_thresholds.dead_letters_per_hour
          lasting = 0
        }),
        merge(local.sum, {
          name    = "Records that the queue lost"
          filter  = "metric.type=\"${local.metric["lost_records"]}\" AND ${local.of_functions}"
          window  = 600
          above   = 0
          lasting = 0
        }),
      ]
    }
    stage-failed = {
      title    = "A stage of fulfillment fails"
      severity = "ERROR"
      says     = "A stage failed more than once within a cycle: Scheduler's retries do not help."
      conditions = [
        merge(local.sum, {
          name    = "Failed runs in a cycle"
          filter  = "metric.type=\"${local.metric["stage_failures"]}\" AND ${local.of_functions}"
          window  = local.cycle
          above   = 1
          lasting = 0
          group   = ["metric.label.function"]
        }),
      ]
    }
    stage-late = {
      title    = "A stage of fulfillment does not run"
      severity = "ERROR"
      says     = "A stage has not succeeded for several cycles: it fails, is not fired, or waits for the stage before it."
      conditions = [
        for name in keys(local.stages) : merge(local.sum, {
          name    = "No successful run of ${name}"
          filter  = "metric.type=\"${local.metric["stage_runs"]}\" AND ${local.of_functions} AND metric.labels.function=\"${name}\""
          window  = local.cycle * var.alert_thresholds.stage_missed_cycles
          above   = 1
          lasting = 60
          silence = true
        })
      ]
    }
    oldest-record = {
      title    = "A record is in flight for too long"
      severity = "ERROR"
      says     = "A record is neither completed nor with a person long after it was opened, and does not wait for DigiKey."
      conditions = [
        merge(local.mean, {
          name    = "Seconds since the oldest record in flight was opened"
          filter  = "metric.type=\"${local.metric["oldest_in_flight_seconds"]}\" AND ${local.of_functions}"
          above   = 3600 * var.alert_thresholds.oldest_in_flight_hours
          lasting = 0
        }),
      ]
    }
    hand-over-overdue = {
      title    = "A failed record is with nobody"
      severity = "ERROR"
      says     = "Automation gave up a record, and neither its dead letter nor the sweep has brought it to a person."
      conditions = [
        merge(local.mean, {
          name    = "Seconds since the oldest record failed that no person has"
          filter  = "metric.type=\"${local.metric["oldest_hand_over_seconds"]}\" AND ${local.of_functions}"
          above   = 60 * var.alert_thresholds.hand_over_minutes
          lasting = 0
        }),
      ]
    }
    vendor-down = {
      title    = "The vendor of parts is down"
      severity = "WARNING"
      says     = "Records wait, and none has spent an attempt: DigiKey fails record after record, and each probe after a pause."
      conditions = [
        merge(local.mean, {
          name    = "Seconds since DigiKey has been failing"
          filter  = "metric.type=\"${local.metric["vendor_down_seconds"]}\" AND ${local.of_functions}"
          above   = 60 * var.alert_thresholds.vendor_down_minutes
          lasting = 0
        }),
      ]
    }
    never-enqueued = {
      title    = "Records do not reach the queue"
      severity = "ERROR"
      says     = "Records are open for automation, and neither their run nor the sweep could put them into the queue."
      conditions = [
        merge(local.mean, {
          name    = "Records that are not in the queue"
          filter  = "metric.type=\"${local.metric["never_enqueued_overdue"]}\" AND ${local.of_functions}"
          above   = 0
          lasting = 60 * var.alert_thresholds.never_enqueued_minutes
        }),
      ]
    }
    account-refused = {
      title    = "The vendor of parts refuses our credentials"
      severity = "ERROR"
      says     = "No record is enriched until somebody mends DigiKey's client id and secret; none has spent an attempt."
      conditions = [
        merge(local.mean, {
          name    = "Seconds since DigiKey has refused our credentials"
          filter  = "metric.type=\"${local.metric["account_refused_seconds"]}\" AND ${local.of_functions}"
          above   = 0
          lasting = 0
        }),
      ]
    }
    manual-overdue = {
      title    = "Manual tasks are past due"
      severity = "WARNING"
      says     = "People have not done tasks in the time that their priority allows."
      conditions = [
        merge(local.mean, {
          name    = "Manual tasks past due"
          filter  = "metric.type=\"${local.metric["manual_overdue"]}\" AND ${local.of_functions}"
          above   = var.alert_thresholds.manual_overdue
          lasting = 0
        }),
      ]
    }
    labels-unknown = {
      title    = "The outcome of a label's purchase stays unknown"
      severity = "ERROR"
      says     = "We called Canada Post for a label and do not know whether it was sold; the order waits."
      conditions = [
        merge(local.mean, {
          name    = "Seconds since the oldest call of unknown outcome"
          filter  = "metric.type=\"${local.metric["oldest_label_unknown_seconds"]}\" AND ${local.of_functions}"
          above   = 60 * var.alert_thresholds.label_unknown_minutes
          lasting = 0
        }),
      ]
    }
    orders-for-person = {
      title    = "Orders wait for a person"
      severity = "WARNING"
      says     = "Orders need a person: not accepted, no label, not shipped, a label that is paid for and not needed, or a finding."
      conditions = [
        merge(local.mean, {
          name    = "Orders that a person must look at"
          filter  = "metric.type=\"${local.metric["orders_for_person"]}\" AND ${local.of_functions}"
          above   = var.alert_thresholds.orders_for_person
          lasting = 0
        }),
      ]
    }
    audit-faults = {
      title    = "The account of the records is contradicted"
      severity = "ERROR"
      says     = "The audit found records, tasks, decisions or products that do not belong together."
      conditions = [
        merge(local.mean, {
          name    = "Faults that the audit knows of"
          filter  = "metric.type=\"${local.metric["audit_faults"]}\" AND ${local.of_functions}"
          above   = var.alert_thresholds.audit_faults
          lasting = 0
        }),
      ]
    }
    orders-unmatched = {
      title    = "The account does not match the outside"
      severity = "ERROR"
      says     = "Orders or labels of ours are not those that marketplace and carrier list, or one of theirs cannot be read."
      conditions = [
        merge(local.mean, {
          name    = "Findings that contradict the account"
          filter  = "metric.type=\"${local.metric["orders_unmatched"]}\" AND ${local.of_functions}"
          above   = var.alert_thresholds.orders_unmatched
          lasting = 2 * local.cycle
        }),
      ]
    }
    look-old = {
      title    = "The account was not compared with the outside"
      severity = "ERROR"
      says     = "The last complete look at the marketplace or at the carrier is too old, so the account is unverified."
      conditions = [
        for source, hours in {
          marketplace = var.alert_thresholds.marketplace_look_hours
          carrier     = var.alert_thresholds.carrier_look_hours
          } : merge(local.mean, {
            name    = "Seconds since the last complete look at the ${source}"
            filter  = "metric.type=\"${local.metric["${source}_look_seconds"]}\" AND ${local.of_functions}"
            above   = 3600 * hours
            lasting = 0
        })
      ]
    }
    breaker-open = {
      title    = "A stage is stopped"
      severity = "ERROR"
      says     = "A vendor refuses our account, limits our calls or is away, so a stage does nothing for any order."
      conditions = [
        merge(local.mean, {
          name    = "Stages that are stopped"
          filter  = "metric.type=\"${local.metric["breakers_open"]}\" AND ${local.of_functions}"
          above   = 0
          lasting = 60 * var.alert_thresholds.breaker_open_minutes
        }),
      ]
    }
    queue-depth = {
      title    = "A queue does not drain"
      severity = "WARNING"
      says     = "Tasks have waited in a queue for half an hour or longer."
      conditions = [
        {
          name    = "Tasks in automation"
          filter  = "metric.type=\"cloudtasks.googleapis.com/queue/depth\" AND ${local.of_queues} AND resource.labels.queue_id=\"${google_cloud_tasks_queue.automation.name}\""
          window  = 300
          align   = "ALIGN_MIN"
          reduce  = "REDUCE_SUM"
          group   = []
          above   = var.alert_thresholds.queue_depth
          lasting = 1800
        },
        {
          name    = "Tasks in dead-letter"
          filter  = "metric.type=\"cloudtasks.googleapis.com/queue/depth\" AND ${local.of_queues} AND resource.labels.queue_id=\"${google_cloud_tasks_queue.dead_letter.name}\""
          window  = 300
          align   = "ALIGN_MIN"
          reduce  = "REDUCE_SUM"
          group   = []
          above   = 0
          lasting = 1800
        },
      ]
    }
    error-rate = {
      title    = "A function answers with errors"
      severity = "ERROR"
      says     = "Most of a function's requests fail, crashes and timeouts included."
      conditions = [
        merge(local.sum, {
          name    = "Share of 5xx among a function's answers"
          filter  = "metric.type=\"run.googleapis.com/request_count\" AND ${local.of_functions} AND metric.labels.response_code_class=\"5xx\""
          of      = "metric.type=\"run.googleapis.com/request_count\" AND ${local.of_functions}"
          window  = 900
          above   = var.alert_thresholds.error_share
          lasting = 300
          group   = ["resource.label.service_name"]
        }),
      ]
    }
    daily-limit = {
      title    = "A daily limit is near"
      severity = "WARNING"
      says     = "The day's task quota is nearly used, or DigiKey's is."
      conditions = [
        merge(local.mean, {
          name    = "Share of the day's tasks"
          filter  = "metric.type=\"${local.metric["daily_share"]}\" AND ${local.of_functions}"
          above   = var.alert_thresholds.daily_share
          lasting = 0
        }),
        merge(local.sum, {
          name    = "Records put off to DigiKey's next day"
          filter  = "metric.type=\"${local.metric["outcomes"]}\" AND ${local.of_functions} AND metric.labels.outcome=\"postponed\""
          window  = 600
          above   = 0
          lasting = 0
        }),
      ]
    }
    sweep-silent = {
      title    = "The sweep is silent"
      severity = "CRITICAL"
      says     = "Lost tasks are not found, and the alerts on the sweep's figures cannot fire."
      conditions = [
        merge(local.sum, {
          name    = "No successful sweep in 20 minutes"
          filter  = "metric.type=\"${local.metric["sweeps"]}\" AND ${local.of_functions}"
          window  = 1200
          above   = 1
          lasting = 60
          silence = true
        }),
      ]
    }
  }

  page = var.documentation_url == "" ? "docs/operations.md" : "${trimsuffix(var.documentation_url, "/")}/operations.md"
}

resource "google_monitoring_alert_policy" "alert" {
  for_each = local.alerts

  display_name          = "Switchyard: ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = local.channels
  # While the jobs are paused on purpose, no alert on silence fires.
  enabled = !(var.scheduler_paused && anytrue([for condition in each.value.conditions : try(condition.silence, false)]))

  dynamic "conditions" {
    for_each = each.value.conditions

    content {
      display_name = conditions.value.name

      condition_threshold {
        filter                  = conditions.value.filter
        comparison              = try(conditions.value.silence, false) ? "COMPARISON_LT" : "COMPARISON_GT"
        threshold_value         = conditions.value.above
        duration                = "${conditions.value.lasting}s"
        evaluation_missing_data = try(conditions.value.silence, false) ? "EVALUATION_MISSING_DATA_ACTIVE" : null
        denominator_filter      = try(conditions.value.of, null)

        aggregations {
          alignment_period     = "${conditions.value.window}s"
          per_series_aligner   = conditions.value.align
          cross_series_reducer = conditions.value.reduce
          group_by_fields      = conditions.value.group
        }

        dynamic "denominator_aggregations" {
          for_each = try([conditions.value.of], [])

          content {
            alignment_period     = "${conditions.value.window}s"
            per_series_aligner   = conditions.value.align
            cross_series_reducer = conditions.value.reduce
            group_by_fields      = conditions.value.group
          }
        }
      }
    }
  }

  documentation {
    subject   = "Switchyard: ${each.value.title}"
    mime_type = "text/markdown"
    content   = "${each.value.says}\n\nWhat to do: ${local.page}#alert-${each.key}"

    dynamic "links" {
      for_each = var.documentation_url == "" ? [] : [local.page]

      content {
        display_name = "What to do"
        url          = "${links.value}#alert-${each.key}"
      }
    }
  }

  alert_strategy {
    auto_close = "86400s"
  }

  # An alert can use a new metric only some seconds after it was made; the functions take minutes.
  depends_on = [google_cloudfunctions2_function.function]
}
