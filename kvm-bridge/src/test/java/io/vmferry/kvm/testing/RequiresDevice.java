package io.vmferry.kvm.testing;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Decides whether a test that needs a device runs: yes where the device is usable, no with a
 * printed reason where it is absent, and a failure where CI promises it.
 */
final class RequiresDevice {
  private RequiresDevice() {}

  static ConditionEvaluationResult evaluate(Path device, ExtensionContext context) {
    if (Files.isReadable(device) && Files.isWritable(device)) {
      return ConditionEvaluationResult.enabled(device + " is usable");
    }
    String reason = device + " is not readable and writable here";
    if ("true".equals(System.getenv("CI"))) {
      throw new IllegalStateException(reason + ", and CI=true says that it must be");
    }
    System.out.println("SKIPPED " + context.getDisplayName() + ": " + reason);
    return ConditionEvaluationResult.disabled(reason);
  }

  /** The condition behind {@link RequiresKvm}. */
  static final class Kvm implements ExecutionCondition {
    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
      return evaluate(Path.of("/dev/kvm"), context);
    }
  }

  /** The condition behind {@link RequiresUffd}. */
  static final class Uffd implements ExecutionCondition {
    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
      return evaluate(Path.of("/dev/userfaultfd"), context);
    }
  }
}
