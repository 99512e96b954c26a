//! The scenarios: what Selvedge promises, each tried on the stand-in and on a real Weaviate.
//!
//! The list below is the specification. A scenario gets a Weaviate with nothing in it and a server of its own; a real
//! Weaviate is used when there is a `weaviate` binary on PATH (or in SELVEDGE_TEST_WEAVIATE_BIN), else those runs show as
//! ignored. A difference between the two is a bug of the stand-in.

// A panic here is a failed test, and this is the test harness that prints.
#![allow(clippy::expect_used, clippy::print_stderr)]

mod backup_first;
mod bad_answers;
mod behind_alias;
mod broken_stores;
mod catalog;
mod clear;
mod clusters;
mod copying;
mod damage;
mod diff;
mod encryption;
mod exits;
mod faults;
mod generations;
mod incrementals;
mod indexing;
mod jobs;
mod json_lines;
mod keys;
mod kills;
mod limits;
mod meanwhile;
mod merging;
mod metrics;
mod odd_collections;
mod places;
mod references;
mod refusals;
mod repairing;
mod replacing;
mod replicas;
mod repository;
mod reshaping;
mod resuming;
mod roles;
mod round_trip;
mod runner;
mod schemas;
mod security;
mod service;
mod settings;
mod settling;
mod silence;
mod stand_in_agrees;
mod starting;
mod status;
mod stores;
mod tenants;
mod traces;
mod two_servers;
mod unshown;
mod verify;
mod versions;

use selvedge_tests::harness::object_server::StoreKind::{self, Google, S3, Versitygw};

use runner::{Scenario, both, compare, process, real, stand_in};

/// The object stores whose buckets are folders, in which a scenario may look around.
const BUCKETS: [StoreKind; 3] = [S3, Google, Versitygw];

fn scenarios() -> Vec<Scenario> {
    vec![
        compare(
            "stand_in_agrees::with_the_real_server",
            || Box::pin(stand_in_agrees::with_the_real_server()),
        ),
        both!(round_trip::every_kind_of_collection_comes_back_to_the_bit)
            .also_on(&StoreKind::ALL)
            .and_encrypted(),
        both!(round_trip::nested_names_with_capitals_come_back),
        both!(round_trip::thousands_of_objects_in_several_shards_come_back),
        // It is proven by the files in a folder.
        both!(round_trip::ids_in_the_order_of_time_are_read_side_by_side).also_on(&[]),
        both!(round_trip::a_renamed_collection_is_a_copy_beside_the_original),
        both!(round_trip::only_what_is_selected_is_backed_up_and_restored),
        both!(round_trip::chosen_tenants_only),
        both!(round_trip::a_schema_comes_back_without_objects),
        both!(round_trip::objects_come_back_without_vectors_when_they_were_left_out),
        both!(round_trip::objects_written_meanwhile_are_told),
        both!(round_trip::a_dry_run_plans_and_changes_nothing),
        both!(references::they_come_back_in_order_with_doubles_and_dangling_ones)
            .also_on(&StoreKind::ALL)
            .and_encrypted(),
        both!(references::they_follow_a_rename),
        both!(references::what_they_point_to_must_be_there_unless_they_are_left_out),
        both!(references::thousands_of_one_object_come_back),
        both!(references::the_spelling_of_an_id_is_no_content),
        both!(references::dangling_ones_of_a_tenant_are_named),
        both!(references::a_circle_of_classes_with_a_vectorizer_comes_back),
        stand_in!(references::a_repeated_request_doubles_none),
        stand_in!(references::those_refused_for_a_moment_are_written),
        stand_in!(references::those_refused_for_good_make_the_job_partial),
        both!(unshown::values_that_weaviate_misreads_are_told_by_id_and_property),
        both!(odd_collections::the_largest_integers_come_back),
        both!(odd_collections::blobs_with_capital_names_come_back),
        both!(odd_collections::hashes_of_blobs_are_kept_and_their_loss_is_told),
        both!(odd_collections::objects_without_a_vector_stay_without_one),
        both!(odd_collections::a_vectorizer_can_be_mapped_away),
        both!(odd_collections::vectors_of_two_dimensions_are_told_and_refused_early),
        both!(odd_collections::expiry_quantizers_and_aliases_come_last),
        both!(odd_collections::unnamed_and_named_vectors_come_back_together),
        both!(odd_collections::wide_classes_and_heavy_objects_come_back),
        stand_in!(indexing::what_waits_is_waited_for),
        stand_in!(indexing::an_alias_waits_too),
        both!(indexing::a_server_that_indexes_in_the_background),
        both!(replacing::what_is_there_becomes_what_the_backup_holds).and_encrypted(),
        both!(replacing::nothing_is_dropped_without_its_name),
        both!(replacing::what_cannot_take_its_place_leaves_it_alone),
        stand_in!(replacing::a_cancel_leaves_no_collection_dropped),
        both!(reshaping::properties_and_vectors_change),
        both!(reshaping::an_unnamed_vector_gets_a_name),
        stand_in!(reshaping::what_is_not_what_it_should_be_fails),
        both!(reshaping::objects_move_in_and_out_of_tenants).and_encrypted(),
        both!(reshaping::a_shape_that_does_not_fit_changes_nothing),
        both!(settings::they_are_given_instead_of_those_of_the_backup),
        both!(settings::patches_change_the_rest),
        both!(settings::what_does_not_apply_changes_nothing),
        both!(unshown::objects_that_weaviate_cannot_show_are_told_by_id),
        both!(unshown::vectors_that_are_no_numbers_come_back),
        both!(odd_collections::centroids_come_back_as_vectors_or_not_at_all),
        both!(merging::a_second_merge_changes_nothing),
        both!(merging::conflicts_are_refused_skipped_or_overwritten),
        both!(merging::what_cannot_be_merged_is_refused),
        both!(merging::vectors_of_another_dimension_are_refused),
        both!(merging::what_is_missing_is_created_beside),
        stand_in!(merging::only_what_differs_is_written),
        stand_in!(merging::a_merge_that_was_cancelled_goes_on).and_encrypted(),
        both!(behind_alias::queries_through_it_see_whole_collections),
        both!(behind_alias::what_is_not_meant_is_refused),
        stand_in!(behind_alias::what_is_not_whole_does_not_get_it),
        both!(tenants::inactive_ones_are_reported_or_skipped),
        both!(tenants::inactive_ones_are_woken_and_put_back),
        both!(tenants::inactive_ones_are_compared_and_put_back).and_encrypted(),
        stand_in!(tenants::compared_ones_are_put_back_after_a_failure),
        both!(tenants::thousands_take_few_files).also_on(&BUCKETS),
        stand_in!(tenants::woken_ones_are_put_back_after_a_failure),
        stand_in!(tenants::woken_ones_are_put_back_after_a_cancel),
        stand_in!(tenants::those_that_wake_after_a_cancel_are_put_back),
        both!(tenants::woken_ones_are_put_back_after_the_server_died),
        stand_in!(versions::what_an_older_one_lacks_is_refused_or_left_out_by_name),
        stand_in!(versions::what_will_be_different_is_in_the_plan),
        both!(json_lines::every_kind_of_collection_comes_back_to_the_bit).also_on(&BUCKETS),
        both!(json_lines::each_line_is_an_object_that_weaviate_takes),
        both!(json_lines::an_edited_line_comes_back_as_it_was_edited),
        both!(json_lines::a_line_that_makes_no_sense_changes_nothing),
        both!(json_lines::what_is_exported_can_be_imported).and_encrypted_in_a_bucket(),
        both!(json_lines::lines_of_other_tools_are_imported_or_named),
        both!(json_lines::lines_are_imported_under_another_name),
        stand_in!(json_lines::a_restore_does_not_go_on_over_another_edit),
        both!(json_lines::lines_that_break_off_become_no_backup),
        both!(json_lines::damage_is_found_before_anything_is_written),
        both!(verify::chosen_tenants_are_compared_alone),
        both!(verify::a_sound_backup_holds_at_every_level).and_encrypted_in_a_bucket(),
        both!(verify::all_backups_are_looked_at_one_after_the_other),
        both!(verify::all_damage_is_told_apart),
        both!(verify::one_changed_object_among_many_is_named).and_encrypted(),
        both!(verify::a_renamed_copy_is_compared_with_its_original),
        both!(verify::tenants_are_compared_one_by_one),
        both!(verify::what_cannot_be_restored_is_told),
        stand_in!(verify::a_restore_that_is_not_what_it_should_be_fails),
        both!(keys::a_confined_key_never_makes_a_backup_that_looks_whole),
        both!(keys::a_key_that_sees_some_tenants_destroys_none),
        both!(keys::a_key_that_could_not_put_it_back_destroys_nothing),
        both!(keys::a_key_without_any_role_sees_nothing_and_says_so),
        both!(keys::a_key_without_aliases_never_makes_a_backup_that_looks_whole),
        both!(roles::they_come_back_with_who_has_them).and_encrypted(),
        both!(roles::what_is_there_is_left_as_it_is),
        both!(roles::they_follow_a_rename),
        both!(roles::a_key_that_may_not_read_them_says_so),
        both!(roles::what_a_key_may_not_create_makes_the_job_partial),
        real!(clusters::three_nodes_and_one_that_dies),
        real!(replicas::what_one_of_them_missed_is_told),
        both!(replicas::what_is_alone_is_not_compared),
        both!(clear::a_collection_is_empty_and_otherwise_the_same),
        both!(clear::tenants_are_empty_and_keep_their_status),
        both!(clear::nothing_happens_without_confirmation),
        both!(clear::a_person_confirms_by_typing_the_names),
        both!(clear::an_alias_is_no_name_for_destruction),
        both!(clear::chosen_tenants_only),
        stand_in!(clear::a_cancel_does_not_cut_between_drop_and_create),
        stand_in!(clear::a_cancel_of_what_is_cleared_comes_too_late),
        stand_in!(clear::a_schema_that_would_be_refused_is_not_dropped),
        both!(backup_first::what_is_cleared_can_be_had_again).and_encrypted(),
        both!(backup_first::what_is_replaced_can_be_had_again).and_encrypted(),
        both!(backup_first::what_no_backup_can_hold_is_not_destroyed),
        stand_in!(backup_first::what_was_written_since_is_not_destroyed),
        stand_in!(backup_first::what_cannot_be_compared_any_more_is_not_destroyed),
        both!(clear::the_longest_name_is_no_obstacle)
            // `s3s` has files whose names hold the whole path of an object, and that is too long.
            .also_on(&[Versitygw]),
        both!(clear::a_probe_left_behind_is_no_collection_of_anybody),
        both!(clear::what_a_killed_server_dropped_comes_back).and_encrypted(),
        both!(keys::a_key_for_one_name_can_clear_it),
        stand_in!(exits::every_command_says_what_became_of_it),
        both!(refusals::names_without_end_are_refused),
        stand_in!(refusals::what_others_have_written_to_is_not_undone),
        both!(refusals::redirects_are_not_followed),
        stand_in!(faults::a_list_that_cannot_be_saved_is_no_failure),
        both!(refusals::what_does_not_exist_is_told_with_a_next_step),
        both!(refusals::an_existing_collection_is_not_touched),
        both!(refusals::a_backup_id_is_taken_only_once),
        both!(refusals::a_refused_call_leaves_no_job),
        stand_in!(refusals::what_really_fails_is_kept),
        both!(refusals::a_wrong_address_or_key_is_told_from_each_other),
        both!(refusals::a_failed_creation_leaves_nothing_behind),
        both!(damage::one_altered_byte_is_found_before_anything_is_written),
        both!(damage::missing_truncated_and_unknown_are_told_apart),
        both!(damage::a_full_disk_leaves_no_backup),
        stand_in!(faults::a_moment_of_trouble_is_waited_for),
        stand_in!(faults::a_connection_cut_in_mid_page_loses_nothing),
        stand_in!(faults::a_reply_that_is_too_large_is_asked_for_in_parts),
        stand_in!(faults::objects_refused_for_a_moment_are_sent_again),
        stand_in!(faults::objects_refused_for_good_make_the_job_partial).and_encrypted(),
        stand_in!(faults::a_lost_answer_to_a_creation_is_no_conflict),
        stand_in!(faults::a_hidden_shard_never_makes_a_backup),
        stand_in!(faults::a_shard_that_vanishes_while_reading_never_makes_a_backup),
        stand_in!(faults::a_weaviate_that_stays_away_fails_the_job),
        stand_in!(broken_stores::every_operation_of_a_backup_fails_once),
        stand_in!(broken_stores::every_operation_of_a_restore_fails_once),
        stand_in!(broken_stores::every_operation_of_a_resume_fails_once),
        stand_in!(broken_stores::every_operation_of_a_prune_fails_once),
        stand_in!(broken_stores::random_faults_never_make_a_lie).long(),
        both!(incrementals::only_what_has_changed_is_read)
            .also_on(&StoreKind::ALL)
            .and_encrypted_in_a_bucket(),
        both!(incrementals::every_kind_of_change_is_seen),
        both!(incrementals::inactive_tenants_are_taken_over_unread),
        both!(generations::of_random_changes_come_back).and_encrypted_in_a_bucket(),
        both!(incrementals::a_parent_that_does_not_do_is_told).also_on(&[]),
        both!(incrementals::what_is_mostly_gone_is_written_anew),
        stand_in!(incrementals::one_that_is_interrupted_goes_on),
        both!(settling::what_is_held_is_what_was_promised),
        both!(copying::a_copy_equals_the_original).and_encrypted(),
        stand_in!(copying::one_that_is_interrupted_goes_on),
        both!(copying::a_copy_is_repeated).and_encrypted(),
        both!(copying::a_tenant_that_is_inactive_is_not_taken_for_deleted),
        both!(copying::it_is_repeated_until_it_has_settled),
        both!(repairing::only_what_differs_is_written).and_encrypted(),
        both!(repairing::some_objects_or_tenants_are_brought_back),
        both!(repairing::what_was_overwritten_or_replaced_can_be_had_again).and_encrypted(),
        stand_in!(repairing::a_repair_that_was_cancelled_goes_on),
        both!(diff::every_difference_is_told).and_encrypted(),
        both!(diff::names_may_differ),
        both!(starting::nothing_is_concluded_from_a_part),
        both!(starting::a_restart_is_waited_for_while_reading_over_rest),
        both!(starting::a_restart_is_waited_for_while_reading_and_writing),
        stand_in!(starting::an_empty_answer_while_starting_is_not_the_end),
        both!(starting::woken_tenants_are_put_back_when_weaviate_is_there),
        both!(meanwhile::what_is_gone_is_told_and_what_is_new_is_read),
        both!(meanwhile::what_was_asked_for_and_cannot_be_read_any_more_is_a_gap),
        stand_in!(meanwhile::a_schema_that_changes_while_reading_is_read_again),
        stand_in!(meanwhile::a_collection_dropped_while_reading_is_told),
        stand_in!(meanwhile::a_collection_created_again_while_reading_is_read_again),
        stand_in!(meanwhile::a_backup_that_wakes_tenants_is_alone),
        stand_in!(meanwhile::backups_that_wake_tenants_wait_for_each_other),
        both!(meanwhile::tenants_that_would_wake_by_themselves_are_left_asleep),
        both!(limits::a_server_that_gives_small_pages),
        stand_in!(limits::pages_are_asked_for_once),
        both!(limits::objects_larger_than_a_message),
        both!(limits::the_smallest_memory_budget_is_enough),
        both!(limits::a_server_that_answers_one_at_a_time),
        stand_in!(limits::a_server_that_is_set_to_read_only),
        both!(silence::a_weaviate_that_hangs_keeps_nobody),
        stand_in!(silence::a_connection_that_falls_silent_is_replaced),
        both!(repository::one_that_is_not_there_is_no_empty_one),
        both!(repository::backups_of_format_1_are_listed_verified_and_restored),
        both!(repository::nobody_is_told_to_delete_a_backup),
        both!(repository::a_damaged_backup_is_listed_as_one),
        stand_in!(stores::a_wrong_setting_is_told_in_seconds).only_on(&[S3]),
        stand_in!(stores::a_moment_of_trouble_is_waited_for).only_on(&[S3]),
        stand_in!(stores::one_that_goes_away_is_waited_for).only_on(&[S3]),
        stand_in!(stores::one_that_is_away_for_long_is_waited_for).only_on(&[S3]),
        stand_in!(stores::one_that_replaces_what_it_should_create_is_refused).only_on(&[S3]),
        stand_in!(stores::nothing_is_left_of_an_upload_that_was_stopped).only_on(&[S3]),
        stand_in!(stores::an_upload_whose_end_is_not_answered_is_whole).only_on(&[S3]),
        stand_in!(stores::only_one_creates).only_on(&StoreKind::ALL),
        stand_in!(stores::a_list_takes_few_requests).only_on(&[S3]),
        both!(jobs::hanging_up_does_not_stop_a_job),
        stand_in!(jobs::a_cancelled_backup_leaves_nothing),
        stand_in!(jobs::a_cancelled_restore_ends_after_its_last_write),
        stand_in!(jobs::two_jobs_do_not_share_a_collection_that_one_changes),
        stand_in!(jobs::what_another_job_holds_is_waited_for).and_encrypted(),
        stand_in!(jobs::a_job_that_is_resumed_waits_too),
        both!(jobs::the_same_request_id_attaches_instead_of_starting_again).and_encrypted(),
        stand_in!(jobs::a_stopping_server_interrupts_its_jobs),
        stand_in!(jobs::a_beginning_of_an_id_is_enough).and_encrypted(),
        process!(kills::a_killed_backup_goes_on).also_on(&StoreKind::ALL).and_encrypted_in_a_bucket(),
        process!(kills::a_killed_restore_goes_on).also_on(&StoreKind::ALL).and_encrypted_in_a_bucket(),
        process!(kills::a_killed_copy_goes_on),
        process!(kills::a_killed_merge_goes_on),
        process!(kills::another_server_goes_on).and_encrypted(),
        process!(kills::a_stopped_server_is_a_checkpoint),
        process!(kills::killed_while_tenants_are_awake).and_encrypted(),
        process!(kills::killed_between_drop_and_create).and_encrypted(),
        process!(kills::killed_between_backup_and_create),
        process!(kills::killed_while_replacing).and_encrypted(),
        process!(kills::what_others_made_since_is_not_replaced),
        stand_in!(resuming::a_cancelled_restore_goes_on).and_encrypted(),
        stand_in!(resuming::references_are_not_doubled).and_encrypted(),
        stand_in!(resuming::what_would_make_no_sense_is_refused),
        stand_in!(resuming::what_the_job_had_created_has_to_be_there),
        stand_in!(resuming::what_is_cleared_is_not_cleared_twice),
        stand_in!(resuming::a_job_is_for_one_cluster),
        stand_in!(resuming::leftovers_are_shown_and_pruned).also_on(&BUCKETS).and_encrypted(),
        stand_in!(resuming::jobs_wait_for_their_turn),
        stand_in!(resuming::what_waited_is_not_forgotten),
        stand_in!(two_servers::they_keep_out_of_each_others_collections).and_encrypted(),
        stand_in!(two_servers::each_shows_the_jobs_of_the_other).and_encrypted(),
        stand_in!(two_servers::tenants_that_another_has_woken_are_left_awake),
        stand_in!(two_servers::one_goes_on_with_what_the_other_has_left).and_encrypted(),
        stand_in!(bad_answers::a_page_that_goes_backwards_fails_the_job),
        stand_in!(bad_answers::what_does_not_parse_fails_the_job),
        stand_in!(catalog::what_is_held_or_used_is_not_removed).and_encrypted_in_a_bucket(),
        stand_in!(catalog::the_backup_made_first_is_not_removed),
        both!(catalog::a_policy_keeps_what_it_says).and_encrypted(),
        both!(catalog::the_latest_is_the_newest_whole_one).and_encrypted(),
        both!(catalog::lists_are_filtered).and_encrypted(),
        stand_in!(catalog::pruning_at_random_takes_nothing_that_is_needed).long(),
        // Each of them has a folder of its own.
        both!(encryption::what_one_server_can_only_write_another_reads).also_on(&[]),
        stand_in!(encryption::a_server_that_only_writes_lists_and_prunes).also_on(&[]),
        process!(encryption::keys_are_made_shown_and_changed).also_on(&[]),
        process!(metrics::they_move_with_the_work_and_survive_a_restart).also_on(&[]),
        process!(traces::a_span_for_each_job_phase_and_task).also_on(&[]),
        both!(places::a_check_tells_what_is_not_as_jobs_need_it),
        process!(places::back_up_from_one_and_restore_to_another),
        process!(places::an_own_authority_is_trusted),
        process!(places::a_token_is_asked_for_and_renewed),
        stand_in!(security::each_role_may_do_what_it_may),
        stand_in!(security::no_token_no_call),
        stand_in!(security::wrong_tokens_do_not_stop_a_job),
        stand_in!(security::who_says_nothing_is_sent_away),
        stand_in!(security::certificates_are_checked),
        both!(status::it_tells_what_has_no_backup_that_is_young_enough).and_encrypted(),
        stand_in!(status::what_is_left_out_on_purpose_is_told),
        stand_in!(status::a_cluster_that_does_not_answer_is_told),
        both!(status::a_plan_of_destruction_names_the_newest_backup).and_encrypted(),
        both!(schemas::what_is_printed_and_written_fits),
        both!(service::reflection_alone_is_enough_to_back_up),
        both!(service::the_client_shows_what_there_is),
        both!(service::another_program_makes_a_backup),
        process!(service::a_shell_completes_what_there_is).also_on(&[]),
    ]
}

fn main() -> std::process::ExitCode {
    runner::run(scenarios())
}
