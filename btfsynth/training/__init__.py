"""Reflect-reflect-relax: kernel, one trial, restarts, default settings."""
