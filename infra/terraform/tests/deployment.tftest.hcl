# Everything that is deployed, planned and applied with a mocked provider. Run it with `make terraform-check`.

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
  operators         = ["group:operators@example.com"]
  smoke_callers     = ["serviceAccount:smoke@example.com"]
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

run "functions" {
  assert {
    condition = toset(keys(google_cloudfunctions2_function.function)) == toset(concat(
      ["orchestrate", "automate", "fallback", "workflow", "desk"], jsondecode(file("../../shared/pipeline.json")).stages[*].name
    ))
    error_message = "Functions are not the four of enrichment, the desk and one for each stage of pipeline.json."
  }

  assert {
    condition = length(distinct([
      for function in google_cloudfunctions2_function.function : function.service_config[0].service_account_email
    ])) == length(google_cloudfunctions2_function.function)
    error_message = "Two functions share an identity, or one runs as the project's default."
  }

  assert {
    condition = alltrue([
      for name, function in google_cloudfunctions2_function.function :
      function.service_config[0].service_account_email == google_service_account.function[name].email
    ])
    error_message = "A function does not run as its own service account."
  }

  assert {
    condition     = length(distinct([for account in google_service_account.function : account.account_id])) == length(google_service_account.function)
    error_message = "Two functions' service accounts have one name."
  }

  assert {
    condition = alltrue([
      for account in merge(google_service_account.function, google_service_account.caller) :
      can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", account.account_id))
    ])
    error_message = "A service account's name is not 6 to 30 small letters, digits and dashes: a function's name is too long."
  }

  assert {
    condition = alltrue([
      for name, function in google_cloudfunctions2_function.function :
      function.build_config[0].entry_point == replace(name, "-", "_") && function.build_config[0].service_account == google_service_account.builder.id
    ])
    error_message = "A function's entry point is not its module's, or the builder does not build it."
  }

  assert {
    condition = alltrue([
      for function in google_cloudfunctions2_function.function :
      function.service_config[0].max_instance_request_concurrency == 1 || tonumber(function.service_config[0].available_cpu) >= 1
    ])
    error_message = "Below one CPU an instance takes one request at a time."
  }

  assert {
    condition = alltrue([
      for function in google_cloudfunctions2_function.function :
      function.service_config[0].environment_variables["THREADS"] == tostring(function.service_config[0].max_instance_request_concurrency)
    ])
    error_message = "A function has not as many threads as concurrent requests."
  }

  assert {
    condition = (
      google_cloudfunctions2_function.function["automate"].service_config[0].max_instance_count
      * google_cloudfunctions2_function.function["automate"].service_config[0].max_instance_request_concurrency
      >= try(google_cloud_tasks_queue.automation.rate_limits[0].max_concurrent_dispatches, 1000)
    )
    error_message = "The worker takes fewer concurrent requests than its queue sends."
  }

  assert {
    condition     = google_cloudfunctions2_function.function["automate"].service_config[0].timeout_seconds <= tonumber(google_cloudfunctions2_function.function["automate"].service_config[0].environment_variables["AUTOMATION_LEASE_SECONDS"])
    error_message = "A delivery may outlive its lease."
  }

  assert {
    condition = alltrue([
      for stage in jsondecode(file("../../shared/pipeline.json")).stages :
      google_cloudfunctions2_function.function[stage.name].service_config[0].timeout_seconds == stage.timeout_seconds
    ])
    error_message = "The timeout of a stage's function is not the one of pipeline.json."
  }
}

run "settings" {
  assert {
    condition = alltrue([
      for name, function in google_cloudfunctions2_function.function : length(setsubtract(
        jsondecode(file("required_settings.json")).functions[name].required,
        keys({ for given, value in function.service_config[0].environment_variables : given => value if value != "" })
      )) == 0
    ])
    error_message = "A function does not get a setting that its code requires."
  }

  assert {
    condition = alltrue([
      for name, function in google_cloudfunctions2_function.function : length(setsubtract(
        keys(function.service_config[0].environment_variables),
        concat(
          jsondecode(file("required_settings.json")).functions[name].required,
          jsondecode(file("required_settings.json")).functions[name].optional,
          ["THREADS"],
        )
      )) == 0
    ])
    error_message = "A function gets a setting that its code does not read."
  }

  assert {
    condition = alltrue([
      for name, function in google_cloudfunctions2_function.function :
      toset([for secret in function.service_config[0].secret_environment_variables : secret.key]) == toset(jsondecode(file("required_settings.json")).functions[name].secret)
    ])
    error_message = "A function does not get exactly its secrets, from Secret Manager."
  }

  assert {
    condition = alltrue(flatten([
      for function in google_cloudfunctions2_function.function : [
        for name in keys(function.service_config[0].environment_variables) :
        !contains(local.secret_names, name) && !can(regex("(PASSWORD|SECRET|_KEY|TOKEN)$", name))
      ]
    ]))
    error_message = "A secret is a plain variable."
  }

  assert {
    condition = { for name, value in google_cloudfunctions2_function.function["orchestrate"].service_config[0].environment_variables : name => value if startswith(name, "WORKFLOW_") } == {
      for name, value in jsondecode(file("required_settings.json")).workflow : "WORKFLOW_${upper(name)}" => tostring(value)
    }
    error_message = "The defaults of var.workflow are not those of the code."
  }

  assert {
    condition     = google_cloudfunctions2_function.function["automate"].service_config[0].environment_variables["QUEUE_MAX_ATTEMPTS"] == try(tostring(google_cloud_tasks_queue.automation.retry_config[0].max_attempts), "none")
    error_message = "The code and the queue do not agree on which delivery is the last one."
  }

  assert {
    condition     = google_cloudfunctions2_function.function["automate"].service_config[0].environment_variables["AUTOMATE_URL"] == "https://automate-123456789012.northamerica-northeast1.run.app"
    error_message = "The worker's address is not Cloud Run's deterministic one."
  }

  assert {
    condition     = toset(local.own_setting_names) == toset(keys(local.own_settings))
    error_message = "own_setting_names does not list own_settings."
  }
}

run "queues" {
  assert {
    condition = alltrue([
      for queue in [google_cloud_tasks_queue.automation, google_cloud_tasks_queue.dead_letter] :
      length(queue.retry_config) == 1 && length(queue.rate_limits) == 1
    ])
    error_message = "A queue has no retry or no rate limit."
  }

  assert {
    condition = alltrue([
      for queue in [google_cloud_tasks_queue.automation, google_cloud_tasks_queue.dead_letter] : try(
        queue.retry_config[0].max_attempts != 0 && queue.retry_config[0].max_retry_duration == "0s"
        && tonumber(trimsuffix(queue.retry_config[0].min_backoff, "s")) >= 1
        && tonumber(trimsuffix(queue.retry_config[0].max_backoff, "s")) <= 1800
        && queue.rate_limits[0].max_dispatches_per_second > 0 && queue.rate_limits[0].max_concurrent_dispatches > 0,
        false,
      )
    ])
    error_message = "A queue's retry or rate limit is missing, or its backoff is above the sweep's patience."
  }

  assert {
    condition     = try(google_cloud_tasks_queue.automation.rate_limits[0].max_dispatches_per_second, 500) <= 2
    error_message = "The automation queue calls DigiKey more than 120 times a minute."
  }

  assert {
    condition     = try(google_cloud_tasks_queue.automation.rate_limits[0].max_concurrent_dispatches, 1000) == var.workflow.automation_max_concurrent
    error_message = "The automation queue's concurrency is not automation_max_concurrent."
  }

  assert {
    condition     = try(google_cloud_tasks_queue.dead_letter.retry_config[0].max_attempts, 100) == -1
    error_message = "The queue gives dead letters up."
  }
}

run "jobs" {
  assert {
    condition = alltrue([
      for place, stage in jsondecode(file("../../shared/pipeline.json")).stages : try(
        google_cloud_scheduler_job.job[stage.name].schedule == format("%s * * * *", join(",", [
          for cycle in range(60 / jsondecode(file("../../shared/pipeline.json")).interval_minutes) :
          stage.offset_minutes + cycle * jsondecode(file("../../shared/pipeline.json")).interval_minutes
        ])), false
      )
    ])
    error_message = "A stage of pipeline.json has no job, or one at another time."
  }

  assert {
    condition = alltrue([
      for place in range(1, length(jsondecode(file("../../shared/pipeline.json")).stages)) :
      try(
        tonumber(split(",", google_cloud_scheduler_job.job[jsondecode(file("../../shared/pipeline.json")).stages[place - 1].name].schedule)[0])
        < tonumber(split(",", google_cloud_scheduler_job.job[jsondecode(file("../../shared/pipeline.json")).stages[place].name].schedule)[0]),
        false,
      )
    ])
    error_message = "The stages' jobs do not fire in the order of pipeline.json."
  }

  assert {
    condition = toset(keys(google_cloud_scheduler_job.job)) == toset(concat(
      ["orchestrate", "sweep"], jsondecode(file("../../shared/pipeline.json")).stages[*].name
    ))
    error_message = "There is not one job for each stage, orchestrate and the sweep."
  }

  assert {
    condition = alltrue([
      for job in google_cloud_scheduler_job.job : try(
        job.http_target[0].oidc_token[0].service_account_email == google_service_account.caller["scheduler"].email
        && job.http_target[0].oidc_token[0].audience == job.http_target[0].uri
        && contains(values(output.urls), job.http_target[0].uri)
        && job.http_target[0].headers["Content-Type"] == "application/json"
        && job.http_target[0].http_method == "POST",
        false,
      )
    ])
    error_message = "A job does not call a function as the scheduler's identity, in JSON."
  }

  assert {
    condition = alltrue([
      for job in google_cloud_scheduler_job.job : (
        job.retry_config[0].retry_count > 0 && job.retry_config[0].retry_count <= 5
        && tonumber(trimsuffix(job.attempt_deadline, "s")) >= 15 && tonumber(trimsuffix(job.attempt_deadline, "s")) <= 1800
        && job.time_zone == jsondecode(file("../../shared/pipeline.json")).time_zone && !job.paused
      )
    ])
    error_message = "A job has no retry, a deadline that Scheduler refuses, or another time zone."
  }

  assert {
    condition = alltrue([
      for stage in jsondecode(file("../../shared/pipeline.json")).stages :
      try(
        google_cloud_scheduler_job.job[stage.name].attempt_deadline == "${stage.timeout_seconds}s"
        && google_cloud_scheduler_job.job[stage.name].http_target[0].uri == output.urls[stage.name]
        && base64decode(google_cloud_scheduler_job.job[stage.name].http_target[0].body) == "{}",
        false,
      )
    ])
    error_message = "A stage's job calls another function, or its deadline is not the one of pipeline.json."
  }

  assert {
    condition = (
      google_cloud_scheduler_job.job["sweep"].schedule == "*/5 * * * *"
      && google_cloud_scheduler_job.job["sweep"].http_target[0].uri == output.urls["fallback"]
      && jsondecode(base64decode(google_cloud_scheduler_job.job["sweep"].http_target[0].body)) == { sweep = true }
    )
    error_message = "The sweep does not run every five minutes."
  }
}
