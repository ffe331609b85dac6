# Alerts: every fault is noticed and reaches somebody, with a link to what to do.

mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}

variables {
  project           = "a-project"
  archives_dir      = "tests/archives"
  supabase_url      = "https://abc.supabase.co"
  source_table      = "elsewhere.parts.intake"
  digikey_client_id = "a-client"
  alert_emails      = ["people@example.com"]
  documentation_url = "https://docs.example.com/switchyard/"
  canada_post = {
    api_user        = "a-user"
    customer_number = "1234567"
    sender = {
      company     = "A Seller"
      phone       = "6135550100"
      line_1      = "1 Main Street"
      city        = "Ottawa"
      province    = "ON"
      postal_code = "K1A0B1"
    }
  }
}

run "alerts" {
  assert {
    condition = length(setsubtract(
      [
        "dead-letters", "stage-failed", "stage-late", "oldest-record", "hand-over-overdue", "never-enqueued", "manual-overdue",
        "labels-unknown", "orders-unmatched", "look-old", "breaker-open", "queue-depth", "error-rate", "daily-limit", "sweep-silent",
      ],
      keys(google_monitoring_alert_policy.alert)
    )) == 0
    error_message = "An alert that was promised is missing."
  }

  assert {
    condition = alltrue([
      for policy in google_monitoring_alert_policy.alert :
      length(policy.notification_channels) > 0 && toset(policy.notification_channels) == toset([for channel in google_monitoring_notification_channel.email : channel.id])
    ])
    error_message = "An alert has no channel."
  }

  assert {
    condition = alltrue([
      for name, policy in google_monitoring_alert_policy.alert : (
        policy.enabled
        && strcontains(policy.documentation[0].content, "https://docs.example.com/switchyard/operations.md#alert-${name}")
        && policy.documentation[0].links[0].url == "https://docs.example.com/switchyard/operations.md#alert-${name}"
      )
    ])
    error_message = "An alert does not link to its page, or is off."
  }

  assert {
    condition = alltrue(flatten([
      for policy in google_monitoring_alert_policy.alert : [
        for condition in policy.conditions : [
          for metric in regexall("logging\\.googleapis\\.com/user/([a-z_/]+)", condition.condition_threshold[0].filter) :
          contains([for made in merge(google_logging_metric.counter, google_logging_metric.figure) : made.name], metric[0])
        ]
      ]
    ]))
    error_message = "An alert reads a metric that does not exist."
  }

  assert {
    condition = alltrue([
      for stage in jsondecode(file("../../shared/pipeline.json")).stages : anytrue([
        for condition in google_monitoring_alert_policy.alert["stage-late"].conditions : (
          strcontains(condition.condition_threshold[0].filter, "metric.labels.function=\"${stage.name}\"")
          && condition.condition_threshold[0].comparison == "COMPARISON_LT"
          && condition.condition_threshold[0].evaluation_missing_data == "EVALUATION_MISSING_DATA_ACTIVE"
        )
      ])
    ])
    error_message = "No alert notices when a stage stops running."
  }

  assert {
    condition = alltrue([
      for metric in google_logging_metric.figure : metric.value_extractor != "" && metric.metric_descriptor[0].value_type == "DISTRIBUTION"
    ])
    error_message = "A figure's metric does not read the number from the log entry."
  }
}

run "dashboard" {
  assert {
    condition = length(setsubtract(
      [for metric in google_logging_metric.figure : metric.name],
      flatten([
        for tile in jsondecode(google_monitoring_dashboard.switchyard.dashboard_json).mosaicLayout.tiles : [
          for set in tile.widget.xyChart.dataSets : [
            for metric in regexall("logging\\.googleapis\\.com/user/([a-z_/]+)", set.timeSeriesQuery.timeSeriesFilter.filter) : metric[0]
          ]
        ]
      ])
    )) == 0
    error_message = "The dashboard does not show a figure."
  }
}

run "silence_raises_no_alert_while_the_jobs_are_paused" {
  variables {
    scheduler_paused = true
  }

  assert {
    condition = (
      !google_monitoring_alert_policy.alert["sweep-silent"].enabled && !google_monitoring_alert_policy.alert["stage-late"].enabled
      && google_monitoring_alert_policy.alert["error-rate"].enabled
      && alltrue([for job in google_cloud_scheduler_job.job : job.paused])
    )
    error_message = "Alerts on silence are on while the jobs are paused, or other alerts are off."
  }
}

run "the_account_is_watched_by_its_own_limits" {
  assert {
    condition = {
      for condition in google_monitoring_alert_policy.alert["look-old"].conditions :
      regex("/([a-z_]+_look_seconds)", condition.condition_threshold[0].filter)[0] => condition.condition_threshold[0].threshold_value
    } == { marketplace_look_seconds = 3600, carrier_look_seconds = 93600 }
    error_message = "A look may be older than the table order_limits allows before somebody hears of it."
  }

  assert {
    condition     = google_monitoring_alert_policy.alert["breaker-open"].conditions[0].condition_threshold[0].duration == "1800s"
    error_message = "A stage may be stopped for longer than half an hour before somebody hears of it."
  }

  assert {
    condition     = google_monitoring_alert_policy.alert["orders-unmatched"].conditions[0].condition_threshold[0].threshold_value == 0
    error_message = "A contradiction between the account and the outside raises no alert."
  }
}

run "a_failed_record_that_is_with_nobody_is_noticed" {
  assert {
    condition = {
      for name in ["hand-over-overdue", "never-enqueued"] : name => [
        for condition in google_monitoring_alert_policy.alert[name].conditions : [
          regex("/([a-z_]+)\"", condition.condition_threshold[0].filter)[0],
          condition.condition_threshold[0].threshold_value,
          condition.condition_threshold[0].duration,
        ]
      ][0]
      } == {
      hand-over-overdue = ["oldest_hand_over_seconds", 900, "0s"]
      never-enqueued    = ["never_enqueued_overdue", 0, "900s"]
    }
    error_message = "A record may be with nobody for longer than a quarter of an hour before somebody hears of it."
  }
}

run "refuses_alerts_that_reach_nobody" {
  command         = plan
  expect_failures = [var.alert_emails]

  variables {
    alert_emails = []
  }
}

run "refuses_a_log_level_without_the_entries_that_alerts_need" {
  command         = plan
  expect_failures = [var.settings]

  variables {
    settings = { LOG_LEVEL = "warning" }
  }
}

run "refuses_a_rate_above_the_vendors" {
  command         = plan
  expect_failures = [var.automation_dispatches_per_second]

  variables {
    automation_dispatches_per_second = 2.5
  }
}

run "refuses_fewer_deliveries_than_attempts" {
  command         = plan
  expect_failures = [var.queue_max_attempts]

  variables {
    queue_max_attempts = 3
  }
}

run "refuses_a_pinned_version_of_a_plain_setting" {
  command         = plan
  expect_failures = [var.secret_versions]

  variables {
    secret_versions = { SUPABASE_URL = "1" }
  }
}

run "scales_the_worker_with_the_queue" {
  command = plan

  variables {
    workflow = { automation_max_concurrent = 100 }
    settings = { REPROCESS_AFTER_DAYS = "90", DIGIKEY_LOCALE_SITE = "US" }
  }

  assert {
    condition     = google_cloudfunctions2_function.function["automate"].service_config[0].max_instance_count == 14
    error_message = "100 concurrent tasks at 8 an instance, and one more instance, are not 14."
  }

  assert {
    condition     = coalesce(google_bigquery_dataset.ledger.default_partition_expiration_ms, 0) == 0
    error_message = "The ledger's rows expire while they are needed."
  }
}
