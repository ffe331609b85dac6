# Rights. Each mocked account has its own made-up e-mail, so that a mix-up shows.

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
  desk_operators    = ["ana@example.com"]
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

run "invokers" {
  assert {
    condition = alltrue([
      for right in google_cloud_run_v2_service_iam_member.invoker :
      !contains(["allUsers", "allAuthenticatedUsers"], right.member) && !startswith(right.member, "domain:")
    ])
    error_message = "An invoker is public."
  }

  assert {
    condition     = alltrue([for right in google_cloud_run_v2_service_iam_member.invoker : right.role == "roles/run.invoker"])
    error_message = "A caller may do more than call."
  }

  assert {
    condition = {
      for name in keys(google_cloudfunctions2_function.function) : name => toset([
        for right in google_cloud_run_v2_service_iam_member.invoker : right.member if right.name == name
      ])
      } == merge(
      {
        for stage in jsondecode(file("../../shared/pipeline.json")).stages : stage.name => toset([
          google_service_account.caller["scheduler"].member, "group:operators@example.com", "serviceAccount:smoke@example.com"
        ])
      },
      {
        orchestrate = toset([
          google_service_account.caller["scheduler"].member, "group:operators@example.com", "serviceAccount:smoke@example.com"
        ])
        automate = toset([google_service_account.caller["tasks"].member, "serviceAccount:smoke@example.com"])
        fallback = toset([
          google_service_account.caller["tasks"].member, google_service_account.caller["scheduler"].member,
          "group:operators@example.com", "serviceAccount:smoke@example.com"
        ])
        workflow = toset(["group:operators@example.com", "serviceAccount:smoke@example.com"])
        desk = toset([
          "serviceAccount:service-123456789012@gcp-sa-iap.iam.gserviceaccount.com", "serviceAccount:smoke@example.com"
        ])
      },
    )
    error_message = "The callers of a function are not exactly those of docs/security.md."
  }
}

run "desk_behind_iap" {
  variables {
    desk_people = ["group:clerks@example.com"]
  }

  assert {
    condition = toset([
      for right in google_iap_web_cloud_run_service_iam_member.person : "${right.cloud_run_service_name} ${right.role} ${right.member}"
      ]) == toset([
      "desk roles/iap.httpsResourceAccessor user:ana@example.com", "desk roles/iap.httpsResourceAccessor group:clerks@example.com"
    ])
    error_message = "IAP does not let exactly the desk's people through."
  }

  assert {
    condition = (
      google_cloudfunctions2_function.function["desk"].service_config[0].environment_variables["DESK_IAP_AUDIENCE"]
      == "/projects/123456789012/locations/northamerica-northeast1/services/desk"
      && google_cloudfunctions2_function.function["desk"].service_config[0].environment_variables["DESK_DOOR"] == "iap"
      && google_cloudfunctions2_function.function["desk"].service_config[0].environment_variables["DESK_OPERATORS"] == "ana@example.com"
    )
    error_message = "The desk would take tokens of another service, or not know its operators."
  }
}

run "desk_by_code" {
  variables {
    desk_door = "supabase"
    settings  = { DESK_SUPABASE_ANON_KEY = "anon" }
  }

  assert {
    condition = [
      for right in google_cloud_run_v2_service_iam_member.invoker : right.name if right.member == "allUsers"
    ] == ["desk"]
    error_message = "Anybody may call another function than the desk."
  }

  assert {
    condition = (
      length(google_iap_web_cloud_run_service_iam_member.person) == 0
      && !contains(keys(google_project_service.api), "iap.googleapis.com")
    )
    error_message = "IAP is set up though nobody passes it."
  }
}

run "refuses_the_laptops_door" {
  command         = plan
  expect_failures = [var.desk_door]

  variables {
    desk_door = "development"
  }
}

run "refuses_a_door_without_its_key" {
  command         = plan
  expect_failures = [var.desk_door]

  variables {
    desk_door = "supabase"
  }
}

run "refuses_a_public_person_at_the_desk" {
  command         = plan
  expect_failures = [var.desk_people]

  variables {
    desk_people = ["allUsers"]
  }
}

run "queues" {
  assert {
    condition = toset([
      for right in google_cloud_tasks_queue_iam_member.right : "${right.name} ${right.role} ${right.member}"
      ]) == toset([
      "automation roles/cloudtasks.enqueuer ${google_service_account.function["orchestrate"].member}",
      "automation roles/cloudtasks.enqueuer ${google_service_account.function["automate"].member}",
      "dead-letter roles/cloudtasks.enqueuer ${google_service_account.function["automate"].member}",
      "automation roles/cloudtasks.enqueuer ${google_service_account.function["fallback"].member}",
      "automation roles/cloudtasks.viewer ${google_service_account.function["fallback"].member}",
    ])
    error_message = "Rights on the queues are not exactly what the code does."
  }

  assert {
    condition = toset([
      for right in google_service_account_iam_member.act_as_tasks : "${right.service_account_id} ${right.role} ${right.member}"
      ]) == toset([
      for name in ["orchestrate", "automate", "fallback"] :
      "${google_service_account.caller["tasks"].name} roles/iam.serviceAccountUser ${google_service_account.function[name].member}"
    ])
    error_message = "The functions that enqueue, and no others, may act as the queues' caller."
  }
}

run "schedule" {
  assert {
    condition = (
      google_project_iam_member.schedule_desk.member == google_service_account.function["workflow"].member
      && google_project_iam_member.schedule_desk.role == google_project_iam_custom_role.schedule_desk.id
      && toset(google_project_iam_custom_role.schedule_desk.permissions) == toset([
        for right in ["enable", "get", "list", "pause", "run"] : "cloudscheduler.jobs.${right}"
      ])
    )
    error_message = "workflow may do more with the jobs than list, pause, resume and fire them, or less."
  }
}

run "data" {
  assert {
    condition = (
      google_bigquery_dataset_iam_member.source_reader.role == "roles/bigquery.dataViewer"
      && google_bigquery_dataset_iam_member.source_reader.project == "elsewhere"
      && google_bigquery_dataset_iam_member.source_reader.dataset_id == "parts"
      && google_bigquery_dataset_iam_member.ledger_writer.role == "roles/bigquery.dataEditor"
      && google_bigquery_dataset_iam_member.ledger_writer.dataset_id == google_bigquery_dataset.ledger.dataset_id
    )
    error_message = "orchestrate does not read exactly the source and write exactly the ledger."
  }

  assert {
    condition = alltrue([
      for member in [
        google_bigquery_dataset_iam_member.source_reader.member,
        google_bigquery_dataset_iam_member.ledger_writer.member,
        google_project_iam_member.query_runner.member,
      ] : member == google_service_account.function["orchestrate"].member
    ])
    error_message = "Another account than orchestrate's has a right in BigQuery."
  }

  assert {
    condition = alltrue([
      for right in concat([google_project_iam_member.query_runner], values(google_project_iam_member.builder)) :
      contains(["roles/bigquery.jobUser", "roles/logging.logWriter", "roles/storage.objectViewer"], right.role)
    ])
    error_message = "A right in the whole project is more than running queries, writing build logs and reading build sources."
  }

  assert {
    condition     = length(google_project_iam_member.builder["roles/storage.objectViewer"].condition) == 1
    error_message = "The builder may read every bucket of the project."
  }

  assert {
    condition = toset([
      for right in google_secret_manager_secret_iam_member.reader : "${right.secret_id} ${right.role} ${right.member}"
      ]) == toset(flatten([
        for function, settings in jsondecode(file("required_settings.json")).functions : [
          for name in settings.secret : "projects/a-project/secrets/${lower(replace(name, "_", "-"))} roles/secretmanager.secretAccessor ${google_service_account.function[function].member}"
        ]
    ]))
    error_message = "A function may read more or less than its own secrets."
  }

  assert {
    condition     = google_storage_bucket.source.public_access_prevention == "enforced" && google_storage_bucket.source.uniform_bucket_level_access
    error_message = "The archives' bucket could be made public."
  }
}

run "refuses_a_public_operator" {
  command         = plan
  expect_failures = [var.operators]

  variables {
    operators = ["allUsers"]
  }
}

run "refuses_a_public_smoke_caller" {
  command         = plan
  expect_failures = [var.smoke_callers]

  variables {
    smoke_callers = ["allAuthenticatedUsers"]
  }
}

run "the_carrier_is_open_to_the_stages_that_ask_it" {
  assert {
    condition = toset([
      for key, right in google_secret_manager_secret_iam_member.reader : split("/", key)[0]
      if endswith(right.secret_id, "/canada-post-api-password")
    ]) == toset(["create-labels", "reconcile-orders"])
    error_message = "Another function than create-labels and reconcile-orders can call the carrier, or one of them cannot."
  }
}

run "gives_an_optional_secret_that_exists_to_the_functions_that_read_it" {
  variables {
    settings         = { CANADA_POST_OTHER_API_USER = "the-user-of-the-other-api" }
    optional_secrets = ["CANADA_POST_OTHER_API_PASSWORD"]
  }

  assert {
    condition = toset([
      for name, function in google_cloudfunctions2_function.function : name
      if contains([for secret in function.service_config[0].secret_environment_variables : secret.key], "CANADA_POST_OTHER_API_PASSWORD")
    ]) == toset(["create-labels", "reconcile-orders"])
    error_message = "The other API's password does not reach exactly the functions that read it."
  }

  assert {
    condition = alltrue([
      for name in ["create-labels", "reconcile-orders"] :
      google_secret_manager_secret_iam_member.reader["${name}/CANADA_POST_OTHER_API_PASSWORD"].secret_id
      == "projects/a-project/secrets/canada-post-other-api-password"
    ])
    error_message = "A function gets a secret that it may not read."
  }
}

run "refuses_an_optional_secret_that_no_function_reads" {
  command         = plan
  expect_failures = [var.optional_secrets]

  variables {
    optional_secrets = ["CANADA_POST_OTHER_PASSWORD"]
  }
}

run "refuses_half_of_the_other_apis_credentials" {
  command         = plan
  expect_failures = [var.optional_secrets]

  variables {
    settings = { CANADA_POST_OTHER_API_USER = "the-user-of-the-other-api" }
  }
}

run "refuses_an_optional_secret_as_a_setting" {
  command         = plan
  expect_failures = [var.settings]

  variables {
    settings = { CANADA_POST_OTHER_API_PASSWORD = "in plain sight" }
  }
}

run "refuses_a_secret_as_a_setting" {
  command         = plan
  expect_failures = [var.settings]

  variables {
    settings = { BEST_BUY_API_KEY = "in plain sight" }
  }
}
