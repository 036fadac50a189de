//! What the gateway promises, over real sockets and real TLS: one file a promise, one binary for all.
//!
//! `cfg(test)` is always true here; it tells clippy that helpers may unwrap as tests do.

#[cfg(test)]
mod a_backend_may_come_and_go;
#[cfg(test)]
mod a_client_calls_at_its_rate;
#[cfg(test)]
mod a_client_comes_from_its_networks;
#[cfg(test)]
mod a_client_may_call_only_its_tools;
#[cfg(test)]
mod a_client_that_leaves_ends_the_request;
#[cfg(test)]
mod a_cut_reply_is_never_whole;
#[cfg(test)]
mod a_good_key_gets_through;
#[cfg(test)]
mod a_key_rotates_while_streams_run;
#[cfg(test)]
mod a_key_tells_when_it_ends;
#[cfg(test)]
mod a_list_shows_only_what_may_be_used;
#[cfg(test)]
mod a_new_certificate_drops_nobody;
#[cfg(test)]
mod a_revoked_key_ends_its_streams;
#[cfg(test)]
mod a_role_says_what_its_clients_may_do;
#[cfg(test)]
mod a_service_manager_hands_over_the_socket;
#[cfg(test)]
mod a_session_is_its_clients_alone;
#[cfg(test)]
mod a_silent_backend_is_504;
#[cfg(test)]
mod a_slot_is_given_back;
#[cfg(test)]
mod a_slow_reader_slows_the_backend;
#[cfg(test)]
mod a_unix_socket_is_an_upstream;
#[cfg(test)]
mod all_workers_serve;
#[cfg(test)]
mod an_https_upstream_is_checked;
#[cfg(test)]
mod clients_may_have_to_show_a_certificate;
#[cfg(test)]
mod drain_lets_streams_finish;
#[cfg(test)]
mod each_client_gets_its_own_answer;
#[cfg(test)]
mod events_arrive_one_by_one;
#[cfg(test)]
mod floods_are_told_to_go;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod hosts_and_origins_are_ours;
#[cfg(test)]
mod house;
#[cfg(test)]
mod keys_change_while_requests_run;
#[cfg(test)]
mod limits_are_counted;
#[cfg(test)]
mod lying_backends_harm_nobody_else;
#[cfg(test)]
mod malformed_h2_is_never_forwarded;
#[cfg(test)]
mod memory_is_bounded;
#[cfg(test)]
mod no_secret_is_ever_printed;
#[cfg(test)]
mod nobody_has_to_read_the_log;
#[cfg(test)]
mod nothing_leaks;
#[cfg(test)]
mod only_what_was_judged_is_forwarded;
#[cfg(test)]
mod plaintext_is_for_loopback;
#[cfg(test)]
mod public_paths_need_no_key;
#[cfg(test)]
mod request_bodies_pass_whole;
#[cfg(test)]
mod silent_streams_are_kept_alive;
#[cfg(test)]
mod slow_clients_are_given_up;
#[cfg(test)]
mod the_admin_port_shows_who_did_what;
#[cfg(test)]
mod the_audit_is_written_whole;
#[cfg(test)]
mod the_audit_tells_who_did_what;
#[cfg(test)]
mod the_backend_is_told_who_asks;
#[cfg(test)]
mod the_client_gets_what_the_backend_said;
#[cfg(test)]
mod the_process_gives_up_what_it_needs_no_more;
#[cfg(test)]
mod the_worst_case_holds;
#[cfg(test)]
mod threats_have_tests;
#[cfg(test)]
mod tls_is_1_2_or_1_3;
#[cfg(test)]
mod too_much_at_once_is_503;
#[cfg(test)]
mod tools_are_listed_and_called;
#[cfg(test)]
mod unknown_paths_are_json_404;
#[cfg(test)]
mod upgrades_are_refused;
#[cfg(test)]
mod what_is_watched_exists;
#[cfg(test)]
mod what_we_say_ourselves_is_marked;
#[cfg(test)]
mod wrong_keys_are_refused;
